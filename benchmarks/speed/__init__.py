"""Speed: ratios against plain alternatives measured in the same run; seconds on a shared machine mean little."""

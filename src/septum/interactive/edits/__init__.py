"""Edits of labels: paint, cut, fill, smooth, combine, and the rules that filter them."""

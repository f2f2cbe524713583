"""What a command does with files, folders and settings: one sub-room per job; the tree reads like the product."""

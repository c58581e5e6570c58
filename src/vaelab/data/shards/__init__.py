"""WebDataset shards: tar files of pictures and labels, read in sequence, too large for memory."""

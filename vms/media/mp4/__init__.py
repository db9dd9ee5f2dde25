"""Reading and writing mp4 boxes, without Django."""

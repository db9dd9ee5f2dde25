"""Cuts without hidden pictures: what comes before the first copied keyframe is encoded anew."""

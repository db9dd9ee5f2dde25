"""Fuzzing of the readers of files that come from outside.

Inputs are recipes: the name of generated footage and a list of mutations, so the corpus is text.
Readers run in a process of their own whose memory and time end soon; see `child`.
"""

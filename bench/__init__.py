"""Measuring the export engine against a plain copy and against ffmpeg; `docs/benchmarks.md`."""

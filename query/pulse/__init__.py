"""The pulse of the pipeline: rates, lag and the state of every process, for ``GET /pulse``."""

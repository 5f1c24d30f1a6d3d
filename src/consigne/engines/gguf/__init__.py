"""Exact conversion of GGUF model files to OpenVINO models, once, when a model is installed.

OpenVINO's own reading of a GGUF rounds zero points to integers, which costs quality, and names
its operations so that adapters do not find them. Here the graph is built from the file's
metadata, and each quantised block keeps its integers and its scale as the file has them.
"""

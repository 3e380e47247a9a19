"""Exported models on ONNX Runtime: nothing in here, nor below it, imports PyTorch."""

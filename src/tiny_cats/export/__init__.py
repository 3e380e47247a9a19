"""Trained models, written for use elsewhere: safetensors, ONNX, and a card that says what they are."""

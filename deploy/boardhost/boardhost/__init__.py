"""A host for boards whose SDK is Python's: the Open Inference Protocol V2 in front, a plug-in for each board behind."""

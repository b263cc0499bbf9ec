// Package model is a model from its file to its answer: reading and checking the file (docs/MODEL_FILE.md), preparing a
// picture, and the hybrid network from pixels to probabilities, its spiking body run by a [spike.Backend].
//
// It knows nothing of HTTP or of picture formats.
package model

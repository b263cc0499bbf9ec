// Package model reads and checks model files (docs/MODEL_FILE.md), prepares pictures, and runs the hybrid network from
// pixels to probabilities. A [spike.Backend] runs the network's spiking body.
//
// It knows nothing of HTTP or of picture formats.
package model

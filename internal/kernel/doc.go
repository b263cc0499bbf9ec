// Package kernel is the arithmetic of the networks: convolution, dense layers, pooling, the neuron step and the
// softmax. The plain Go in this package defines every answer; a faster version for some processor must give the same.
//
// Products are rounded before they are added (float32(a*b) + c), because the Go specification otherwise lets a compiler
// fuse the two on processors that can, and the answer would depend on the machine.
//
// Feature maps are [H][W][C] with C fastest. Nothing here checks its arguments beyond what Go does: the shapes are
// checked once, when a network is built.
package kernel

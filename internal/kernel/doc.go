// Package kernel does the networks' arithmetic: convolution (a dense layer is a convolution over a map of one pixel),
// pooling, the neuron step and the softmax. There are several tiers: plain Go, and assembly for the instruction sets of some
// processors. A [Tier] is a value that a caller chooses once and passes to whatever computes.
//
// Plain Go defines every answer. Whole numbers, spikes and voltages have the same bits on every tier; a convolution in
// float32 is within rounding, unless it was asked for in order, as Float32Conv says.
//
// The tier of plain Go is called generic, in names as in --kernel generic. The build tag that leaves all assembly out is
// purego, as in other Go packages.
//
// In plain Go, products are rounded before they are added (float32(a*b) + c), because the Go specification otherwise
// lets a compiler fuse the two on processors that can, and the answer would depend on the machine.
//
// Feature maps are [H][W][C] with C fastest. The shapes of a layer are checked once, when it is built; after that,
// nothing here checks its arguments beyond what Go does.
//
// The assembly is written by the program in the folder asm, for amd64 with avo; go generate runs it.
package kernel

// Package model reads and checks model files (docs/MODEL_FILE.md), prepares pictures, and runs the hybrid network from
// pixels to probabilities. A [spike.Backend] runs the network's spiking body.
//
// It knows nothing of HTTP or of picture formats.
//
// The package is a library: for programs that answer pictures by a model file without the server. They decode pictures by
// themselves, to *image.Gray or *image.Gray16; package models has the files that the server ships with.
//
//	m, err := model.Decode(ctx, file, model.DecodeOptions{})
//	if err != nil {
//		return err // a *model.FormatError says which field of the file is wrong
//	}
//	picture, err := m.Prepare(img)
//	if err != nil {
//		return err
//	}
//	gate, err := m.Gate(ctx, picture) // nil without a gate
//	result, err := m.Infer(ctx, picture, model.Options{})
//	fmt.Println(m.Description().Positive, result.Probability)
package model

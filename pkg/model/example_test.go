package model_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"os"

	"github.com/spikeray/spikeray/pkg/model"
)

// A model file is decoded, and its gate and its network are shown a picture.
func Example() {
	ctx := context.Background()
	file, err := os.ReadFile("testdata/steps-gated-int8.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := model.Decode(ctx, file, model.DecodeOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	img := image.NewGray(image.Rect(0, 0, 400, 300))
	for y := range 100 {
		for x := range 100 {
			img.SetGray(150+x, 100+y, color.Gray{Y: 200})
		}
	}
	picture, err := m.Prepare(img)
	if err != nil {
		fmt.Println(err)
		return
	}
	gate, err := m.Gate(ctx, picture)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := m.Infer(ctx, picture, model.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d := m.Description()
	fmt.Printf("%s %s, a picture of %dx%d\n", d.Name, d.Version, d.Preparation.Width, d.Preparation.Height)
	fmt.Println("accepted:", gate.Accepted, gate.Reason)
	fmt.Printf("%s: %.4f after %d steps\n", d.Positive, result.Probability, result.Steps)
	fmt.Println(result.Spikes.Neurons, "neurons sent", result.Spikes.Total, "spikes")
	// Output:
	// steps-gated-int8 1.0.0, a picture of 12x13
	// accepted: false rotated
	// B: 0.8231 after 3 steps
	// 660 neurons sent 609 spikes
}

// Oracle decodes picture files and writes the grey pictures for oracle.py beside it, which holds them against other
// libraries' and makes docs/PICTURES.md. Each line of standard input names a file. For each it writes a line of JSON, with the
// size, the bits of a sample and the warnings, or the error; and after a picture its samples, big-endian.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"os"

	"github.com/spikeray/spikeray/internal/radiograph"
)

type answer struct {
	Width    int      `json:"width"`
	Height   int      `json:"height"`
	Bits     int      `json:"bits"`
	Warnings []string `json:"warnings"`
	Error    string   `json:"error"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	lines, out := bufio.NewScanner(os.Stdin), bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		data, err := os.ReadFile(lines.Text())
		if err != nil {
			return err
		}
		a, samples := decode(data)
		if err := json.NewEncoder(out).Encode(a); err != nil {
			return err
		}
		if _, err := out.Write(samples); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return lines.Err()
}

func decode(data []byte) (a answer, samples []byte) {
	p, err := radiograph.Decode(context.Background(), data, radiograph.Limits{TIFF: true, WebP: true})
	if err != nil {
		return answer{Error: err.Error()}, nil
	}
	bounds := p.Image.Bounds()
	a = answer{Width: bounds.Dx(), Height: bounds.Dy(), Bits: 8, Warnings: p.Warnings}
	switch grey := p.Image.(type) {
	case *image.Gray:
		for y := range a.Height {
			samples = append(samples, grey.Pix[y*grey.Stride:][:a.Width]...)
		}
	case *image.Gray16:
		a.Bits = 16
		for y := range a.Height {
			samples = append(samples, grey.Pix[y*grey.Stride:][:2*a.Width]...)
		}
	}
	return a, samples
}

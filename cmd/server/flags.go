package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/model"
)

// size is a number of bytes, written as 1000, 64K, 32M or 2G (powers of 1024).
type size int64

// UnmarshalText reads a size above 0.
func (s *size) UnmarshalText(text []byte) error {
	digits, shift := string(text), 0
	if n := len(digits); n > 0 {
		switch digits[n-1] {
		case 'k', 'K':
			shift = 10
		case 'm', 'M':
			shift = 20
		case 'g', 'G':
			shift = 30
		}
		if shift > 0 {
			digits = digits[:n-1]
		}
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || v < 1 || v > 1<<40>>shift {
		return fmt.Errorf("%q is not a size: want a number above 0, or one with K, M or G, up to 1024G", text)
	}
	*s = size(v << shift)
	return nil
}

// modelFlag chooses a model.
type modelFlag struct {
	Model string `default:"${model}" placeholder:"NAME|FILE" help:"A shipped model's name, or a model file. The default is ${default}."`
}

// pictureFlags say what a picture may be.
type pictureFlags struct {
	MaxBytes  size `default:"32M" help:"Longest picture file that is taken; in a server, less where --max-request-bytes is."`
	MaxPixels size `default:"24M" help:"Most pixels, width times height, that are decoded; each may take 8 bytes meanwhile. The memory of a server may allow fewer."`
	TIFF      bool `name:"tiff" help:"Take TIFF too. Off since few need it."`
	WebP      bool `name:"webp" help:"Take WebP too. Off since few need it and its decoder has a history of bugs."`
}

func (f pictureFlags) limits() radiograph.Limits {
	return radiograph.Limits{MaxPixels: int(f.MaxPixels), TIFF: f.TIFF, WebP: f.WebP}
}

// read is the bounded content of a file, or of standard input for "-".
func (f pictureFlags) read(std *streams, path string) ([]byte, error) {
	var from io.Reader = std.in
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	return pipeline.ReadPicture(from, int64(f.MaxBytes))
}

// gateFlag says what becomes of pictures that a model's gate does not accept.
type gateFlag struct {
	Gate pipeline.GateMode `default:"flag" enum:"flag,refuse,off" placeholder:"MODE" help:"What becomes of a picture that the model's gate takes for something else than it was made for: flag answers with a warning, refuse does not answer, off does not ask the gate. The default is ${default}."`
}

// check refuses a mode that the model cannot be held to.
func (f gateFlag) check(d *model.Description) error {
	if f.Gate == pipeline.GateRefuse && d.Gate == nil {
		return fmt.Errorf("--gate refuse: %s has no gate, and would refuse no picture", d.Name)
	}
	return nil
}

// decisionFlags say from which probability on a picture is called positive.
type decisionFlags struct {
	Threshold      *float64 `placeholder:"P" help:"Probability, 0 to 1, from which the answer is PNEUMONIA. The operating point's when not given."`
	OperatingPoint string   `placeholder:"NAME" help:"One of the model's operating points, in place of a threshold; its first when not given."`
}

// Validate is called by kong once the flags are read.
func (f decisionFlags) Validate() error {
	switch t := f.Threshold; {
	case t == nil:
		return nil
	case !(*t >= 0 && *t <= 1):
		return fmt.Errorf("--threshold must be from 0 to 1, not %v", *t)
	case f.OperatingPoint != "":
		return errors.New("--threshold and --operating-point are both given, where either can be")
	}
	return nil
}

// answerFlags change how pictures are answered.
type answerFlags struct {
	decisionFlags
	gateFlag
	Bits  *int `placeholder:"N" help:"Significant bits of the pictures' samples, 8 to 16, for pictures of 16 bits that have fewer and do not say so (PNG's sBIT chunk). A picture that has not such samples is an error."`
	Steps *int `placeholder:"N" help:"Time steps to simulate, for a model shown its picture for steps. All when not given. Fewer have a calibration of their own in the model, or none: then there is only the raw probability."`
}

// Validate is called by kong once the flags are read.
func (f answerFlags) Validate() error {
	if err := f.decisionFlags.Validate(); err != nil {
		return err
	}
	if f.Bits != nil && (*f.Bits < 8 || *f.Bits > 16) {
		return fmt.Errorf("--bits must be from 8 to 16, not %d", *f.Bits)
	}
	if f.Steps != nil && *f.Steps < 1 {
		return fmt.Errorf("--steps must be above 0, not %d", *f.Steps)
	}
	return nil
}

func (f answerFlags) options() pipeline.Options {
	o := pipeline.Options{Threshold: f.Threshold, OperatingPoint: f.OperatingPoint, Gate: f.Gate}
	if f.Steps != nil {
		o.Steps = *f.Steps
	}
	if f.Bits != nil {
		o.Bits = *f.Bits
	}
	return o
}

func defaultWorkers() string { return strconv.Itoa(runtime.GOMAXPROCS(0)) }

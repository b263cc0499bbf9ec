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
		return fmt.Errorf("%q is not a size: must be a number above 0, optionally with K, M or G, up to 1024G", text)
	}
	*s = size(v << shift)
	return nil
}

// modelFlag chooses a model.
type modelFlag struct {
	Model string `default:"${model}" placeholder:"NAME|FILE" help:"Name of a shipped model, or a model file. The default is ${default}."`
}

// pictureFlags say what a picture may be.
type pictureFlags struct {
	MaxBytes  size `default:"32M" help:"Largest picture file that is accepted; in a server at most --max-request-bytes."`
	MaxPixels size `default:"24M" help:"Largest picture, in pixels (width times height), that is decoded. Decoding may take 8 bytes a pixel. A server with little memory may accept fewer."`
	TIFF      bool `name:"tiff" help:"Accept TIFF, too. Off by default, since few need it."`
	WebP      bool `name:"webp" help:"Accept WebP, too. Off by default, since few need it and its decoder has a history of bugs."`
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
	Gate pipeline.GateMode `default:"flag" enum:"flag,refuse,off" placeholder:"MODE" help:"What to do with a picture that the model's gate does not accept, such as a photo or a rotated chest: flag (answer with a warning), refuse (do not answer) or off (do not run the gate). The same holds for a DICOM film that says of itself that it is of another view, body part or age. The default is ${default}."`
}

// check refuses a mode that the model cannot be held to.
func (f gateFlag) check(d *model.Description) error {
	if f.Gate == pipeline.GateRefuse && d.Gate == nil {
		return fmt.Errorf("--gate refuse: model %s has no gate", d.Name)
	}
	return nil
}

// decisionFlags say from which probability on a picture is called positive.
type decisionFlags struct {
	Threshold      *float64 `placeholder:"P" help:"Probability, 0 to 1, from which the answer is PNEUMONIA. The default is the operating point's."`
	OperatingPoint string   `placeholder:"NAME" help:"One of the model's operating points, instead of a threshold. The default is the model's first."`
}

// Validate is called by kong once the flags are read.
func (f decisionFlags) Validate() error {
	switch t := f.Threshold; {
	case t == nil:
		return nil
	case !(*t >= 0 && *t <= 1):
		return fmt.Errorf("--threshold must be 0 to 1, not %v", *t)
	case f.OperatingPoint != "":
		return errors.New("give --threshold or --operating-point, not both")
	}
	return nil
}

// answerFlags change how pictures are answered.
type answerFlags struct {
	decisionFlags
	gateFlag
	Bits  *int `placeholder:"N" help:"Significant bits of the pictures' samples, 8 to 16. For 16-bit pictures that use fewer bits and do not say so (in PNG's sBIT chunk). A picture whose samples do not match is an error."`
	Steps *int `placeholder:"N" help:"Time steps to simulate, for a model whose time axis is steps. The default is all. For fewer steps the model may have a separate calibration; without one there is only the raw probability."`
}

// Validate is called by kong once the flags are read.
func (f answerFlags) Validate() error {
	if err := f.decisionFlags.Validate(); err != nil {
		return err
	}
	if f.Bits != nil && (*f.Bits < 8 || *f.Bits > 16) {
		return fmt.Errorf("--bits must be 8 to 16, not %d", *f.Bits)
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

// Package node is this program's part in a hospital's network: films that were answered become result objects, which are put
// on their way to the systems that are to have them.
package node

import (
	"context"
	"image"
	"time"

	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// Result is a film that was answered.
type Result struct {
	Film   *film.Film
	Answer pipeline.Answer
	// Positive is the model's positive label.
	Positive string
	// ID names the prediction, as in answers over HTTP.
	ID string
	// At is when it was answered.
	At time.Time
	// Picture is the film as it was seen, upright and at most 1024 pixels a side; nil where nobody asked for it.
	Picture *image.Gray
	// Evidence is what [Explanation] asks for, where the secondary capture is to show it; otherwise nil.
	Evidence *evidence.Evidence
}

// Delivery puts results on their way.
type Delivery interface {
	// Deliver returns nil once what is made of the result is where a crash cannot lose it. An error says that it is not;
	// whoever sent the film should send it again. It goes into the log, so it names no patient.
	Deliver(ctx context.Context, r Result) error
	// Pictures tells whether results are to have a Picture, and Maps whether they are to have Evidence.
	Pictures() bool
	Maps() bool
}

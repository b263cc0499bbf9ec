package api

import (
	"context"
	"image"
	"net/http"
	"strconv"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph/pixels"
	"github.com/spikeray/spikeray/internal/rendering"
	"github.com/spikeray/spikeray/internal/telemetry"
)

const mediaPNG = "image/png"

// The longest side of a rendering, in pixels.
const (
	leastRendering    = 64
	mostRendering     = 2048
	standardRendering = 1024
)

// renderingParameters are all that a rendering takes.
var renderingParameters = []string{"bits", "size"}

// filmRendering is a film to be shown.
type filmRendering struct {
	bits, size int

	file []byte // PNG
	took map[telemetry.Stage]time.Duration
}

// readRendering reads a rendering's parameters by the rules of [Server.readQuery].
func readRendering(r *http.Request) (*filmRendering, error) {
	values, err := readValues(r.URL.RawQuery, renderingParameters)
	if err != nil {
		return nil, err
	}
	f := &filmRendering{size: standardRendering, took: map[telemetry.Stage]time.Duration{}}
	if f.bits, err = readBits(values); err != nil {
		return nil, err
	}
	if values.Has("size") {
		f.size, err = strconv.Atoi(values.Get("size"))
		if err != nil || f.size < leastRendering || f.size > mostRendering {
			return nil, refuse(invalidParameter, "size must be a whole number from %d to %d", leastRendering, mostRendering)
		}
	}
	return f, nil
}

// render answers one picture with the film as the service sees it. It is no prediction, and is counted as none.
func (s *Server) render(w http.ResponseWriter, r *http.Request) error {
	f, err := readRendering(r)
	if err != nil {
		return err
	}
	uploads, held, err := s.receive(w, r, question{}, s.readUploads)
	defer held.release()
	if err != nil {
		return err
	}
	if len(uploads) > 1 {
		return refuse(malformedRequest, "a rendering is of one picture, and the form has %d", len(uploads))
	}
	if err := uploads[0].err; err != nil {
		return err
	}

	ctx, cancel := s.inTime(r.Context(), question{})
	defer cancel()
	task, err := s.rendering(f, uploads[0].data)
	if err != nil {
		return err
	}
	task.caller = callerOf(r)
	errs, err := s.config.Queue.Do(ctx, task)
	if err == nil {
		err = s.ended(ctx, errs[0])
		stay(r)
	}
	for stage, took := range f.took {
		s.config.Metrics.Stage(stage, took)
	}
	if err != nil {
		return err
	}
	n := int64(cap(f.file)) // which a client that reads slowly keeps for long
	if err := held.take(n); err != nil {
		return err
	}
	defer held.give(n)
	h := w.Header()
	h.Set("Content-Type", mediaPNG)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(f.file)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(f.file) // the error means that the client has left
	return nil
}

// rendering is the task of making one, whose cost the picture's headers tell. No model is asked; the default model's tier says
// whether pictures are decoded by plain Go.
func (s *Server) rendering(f *filmRendering, data []byte) (Task, error) {
	m := s.config.Models.Catalogue().Default().Model
	header, err := pipeline.InspectFor(m, image.Pt(f.size, f.size), data, s.config.Limits, pipeline.Options{Bits: f.bits})
	if err != nil {
		return Task{}, err
	}
	work := time.Duration(header.Work) + rendering.Work(header, f.size)
	read := time.Now()
	run := func(ctx context.Context, waited time.Duration) error {
		f.took[telemetry.StageQueue] = waited
		defer func() { f.took[telemetry.StageTotal] = time.Since(read) }()
		began := time.Now()
		picture, err := header.Decode(ctx, data)
		f.took[telemetry.StageDecode] = time.Since(began)
		if err != nil {
			return err
		}
		began = time.Now()
		defer func() { f.took[telemetry.StageRender] = time.Since(began) }()
		grey, err := rendering.Grey(picture, f.size)
		picture.Release()
		if err != nil {
			return err
		}
		f.file, err = rendering.PNG(ctx, grey)
		pixels.Release(grey)
		return err
	}
	return Task{Run: run, Work: work, Size: work, Memory: header.Memory + rendering.Memory(header, f.size)}, nil
}

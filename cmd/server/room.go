package main

import (
	"context"
	"os"

	"golang.org/x/sync/semaphore"

	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
)

// room bounds what a command that answers files holds of them together, as a server's plan does for its callers: however many
// files are answered at a time, a container's memory is not exceeded. A file waits until there is room for it.
type room struct {
	flags    pictureFlags
	limits   radiograph.Limits
	files    *semaphore.Weighted // bytes of files
	pictures *semaphore.Weighted // bytes of decoded pictures and their decoders
	plan     memory.Plan
}

// newRoom makes room in the memory of the control group or the machine, and sets Go's limit.
func newRoom(flags pictureFlags) (*room, error) {
	limit := memory.Find(os.DirFS("/"))
	limit.Bytes = max(limit.Bytes, memory.Least) // unlike a server, a command may try with less
	plan, err := memory.Share(limit)
	if err != nil {
		return nil, err
	}
	plan.Apply()
	r := &room{flags: flags, limits: flags.limits(), plan: plan}
	r.limits.MaxMemory = plan.Pictures - memory.Task
	r.files, r.pictures = semaphore.NewWeighted(plan.Uploads), semaphore.NewWeighted(plan.Pictures)
	return r, nil
}

// predict answers the file at path, or standard input for "-". see, if not nil, is shown the file's bytes.
func (r *room) predict(ctx context.Context, std *streams, m *pipeline.Entry, path string, opt pipeline.Options, see func([]byte)) (pipeline.Prediction, error) {
	return r.predictWithin(ctx, std, m, path, r.limits, opt, see)
}

// predictWithin is predict by other limits, in no more memory than there is.
func (r *room) predictWithin(ctx context.Context, std *streams, m *pipeline.Entry, path string, limits radiograph.Limits, opt pipeline.Options,
	see func([]byte)) (pipeline.Prediction, error) {
	var none pipeline.Prediction
	if limits.MaxMemory <= 0 || limits.MaxMemory > r.limits.MaxMemory {
		limits.MaxMemory = r.limits.MaxMemory
	}
	size := int64(r.flags.MaxBytes)
	if info, err := os.Stat(path); path != "-" && err == nil && info.Mode().IsRegular() {
		size = min(info.Size(), size)
	}
	size = min(2*size, r.plan.Uploads) // what is read grows by copying
	if err := r.files.Acquire(ctx, size); err != nil {
		return none, err
	}
	defer r.files.Release(size)
	data, err := r.flags.read(std, path)
	if err != nil {
		return none, err
	}
	if see != nil {
		see(data)
	}
	return r.answer(ctx, m, data, limits, opt)
}

// answer answers a picture whose bytes there is room for.
func (r *room) answer(ctx context.Context, m *pipeline.Entry, data []byte, limits radiograph.Limits, opt pipeline.Options) (pipeline.Prediction, error) {
	var none pipeline.Prediction
	header, err := pipeline.Inspect(m.Model, data, limits, opt)
	if err != nil {
		return none, err
	}
	held := min(header.Memory+memory.Task, r.plan.Pictures)
	if err := r.pictures.Acquire(ctx, held); err != nil {
		return none, err
	}
	defer r.pictures.Release(held)
	return pipeline.PredictInspected(ctx, m.Model, data, header, opt)
}

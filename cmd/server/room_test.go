package main

import (
	"errors"
	"sync"
	"testing"

	"golang.org/x/sync/semaphore"

	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// However many files are answered at a time, what they hold stays within the plan: with room for one, one is decoded at a time.
func TestFilesShareTheMemoryThatThereIs(t *testing.T) {
	pictures, err := newRoom(pictureFlags{MaxBytes: 1 << 20, MaxPixels: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if most := pictures.plan.Pictures - memory.Task; pictures.limits.MaxMemory != most || most <= 0 {
		t.Errorf("a picture may take %d bytes of %d", pictures.limits.MaxMemory, most)
	}
	dir := t.TempDir()
	var paths []string
	for i := range 12 {
		paths = append(paths, write(t, testmodel.PNG(300+i, 200, uint64(i)), dir, string(rune('a'+i))))
	}
	entry := &pipeline.Entry{Model: testmodel.Plain(t)}
	data := testmodel.PNG(300, 200, 0)
	header, err := pipeline.Inspect(entry.Model, data, pictures.limits, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pictures.plan.Pictures = header.Memory + memory.Task
	pictures.plan.Uploads = int64(3 * len(data))
	pictures.pictures, pictures.files = semaphore.NewWeighted(pictures.plan.Pictures), semaphore.NewWeighted(pictures.plan.Uploads)
	var all sync.WaitGroup
	for _, path := range paths {
		all.Go(func() {
			p, err := pictures.predict(t.Context(), &streams{}, entry, path, pipeline.Options{}, nil)
			if err != nil || p.Probability <= 0 {
				t.Errorf("%s: %v, %v", path, p.Probability, err)
			}
		})
	}
	all.Wait()
	if !pictures.pictures.TryAcquire(pictures.plan.Pictures) || !pictures.files.TryAcquire(pictures.plan.Uploads) {
		t.Error("at the end something is held")
	}
	pictures.pictures.Release(pictures.plan.Pictures)
	pictures.files.Release(pictures.plan.Uploads)
	pictures.limits.MaxMemory = header.Memory / 2
	if _, err := pictures.predict(t.Context(), &streams{}, entry, paths[0], pipeline.Options{}, nil); !errors.Is(err, radiograph.ErrTooLarge) {
		t.Errorf("a picture that cannot fit: %v", err)
	}
}

package pipeline

import (
	"fmt"
	"io"

	"github.com/spikeray/spikeray/internal/radiograph"
)

// InOrder calls work for 0 to n-1, up to workers (at least 1) at a time, and
// hands each result to emit on the caller's goroutine in that order, as soon as
// it and those before it are there. No more than workers results are kept.
func InOrder[T any](n, workers int, work func(i int) T, emit func(i int, result T)) {
	// The place being waited for below is the one the buffer leaves out.
	pending := make(chan chan T, max(workers, 1)-1)
	go func() {
		defer close(pending)
		for i := range n {
			result := make(chan T, 1)
			pending <- result
			go func() { result <- work(i) }()
		}
	}()
	i := 0
	for result := range pending {
		emit(i, <-result)
		i++
	}
}

// ReadPicture reads all of r, at most limit bytes; more is
// [radiograph.ErrTooLarge].
func ReadPicture(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", radiograph.ErrTooLarge, limit)
	}
	return data, nil
}

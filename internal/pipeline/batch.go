package pipeline

import (
	"fmt"
	"io"
	"iter"

	"github.com/spikeray/spikeray/internal/radiograph"
)

// InOrder calls work for 0 to n-1, up to workers (at least 1) at a time, and
// hands each result to emit on the caller's goroutine in that order, as soon as
// it and those before it are there. No more than workers results are kept.
func InOrder[T any](n, workers int, work func(i int) T, emit func(i int, result T)) {
	i := 0
	stream(numbers(n), workers, workers, work, func(result T) bool {
		emit(i, result)
		i++
		return true
	})
}

// Stream is [InOrder] for items that come one by one, and may be without end. Items are taken on a goroutine of its own, only
// when there is a worker for them. It ends with the items, or early once emit returns false; work that was under way then is
// waited for. While a slow item holds up those behind it, workers go on with the next, up to 8 results for each worker.
func Stream[I, T any](items iter.Seq[I], workers int, work func(item I) T, emit func(result T) bool) {
	stream(items, workers, 8*max(workers, 1), work, emit)
}

func stream[I, T any](items iter.Seq[I], workers, kept int, work func(item I) T, emit func(result T) bool) {
	workers = max(workers, 1)
	// The place being waited for below is the one the buffer leaves out.
	pending := make(chan chan T, max(kept, 1)-1)
	free, stop := make(chan struct{}, workers), make(chan struct{})
	go func() {
		defer close(pending)
		free <- struct{}{}
		for item := range items {
			result := make(chan T, 1)
			select {
			case <-stop:
				return
			default: // where both could go on, the end wins
			}
			select {
			case pending <- result:
			case <-stop:
				return
			}
			go func() {
				result <- work(item)
				<-free
			}()
			select {
			case free <- struct{}{}:
			case <-stop:
				return
			}
		}
	}()
	going := true
	for result := range pending {
		r := <-result
		if going && !emit(r) {
			going = false
			close(stop)
		}
	}
}

func numbers(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
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

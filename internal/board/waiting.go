package board

import "context"

type waitingKey struct{}

// WithWaiting has requests of the context wait for a board inside around: it may give back, for as long as wait lasts, what
// other work could do with. What around returns without calling wait, or after it, is the request's error.
func WithWaiting(ctx context.Context, around func(wait func()) error) context.Context {
	return context.WithValue(ctx, waitingKey{}, around)
}

// waiting calls wait, as the context's owner wants it.
func waiting(ctx context.Context, wait func()) error {
	if around, ok := ctx.Value(waitingKey{}).(func(func()) error); ok {
		return around(wait)
	}
	wait()
	return nil
}

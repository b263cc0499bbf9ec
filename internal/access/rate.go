package access

import (
	"container/list"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is how many requests a caller may send: so many at once, and as many again over each period. Its zero value is no limit.
type Rate struct {
	Requests int
	Period   time.Duration // a second, a minute or an hour
}

const maxRate = 1_000_000

var periods = []struct {
	name string
	time time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}

// ParseRate reads a rate such as 10/s, 600/m or 1000/h.
func ParseRate(text string) (Rate, error) {
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	for _, p := range periods {
		if err == nil && n >= 1 && n <= maxRate && unit == p.name && strconv.Itoa(n) == number {
			return Rate{n, p.time}, nil
		}
	}
	return Rate{}, fmt.Errorf("%.40q is no rate: must be 1 to %d requests a second, minute or hour, as in 10/s, 600/m or 1000/h", text, maxRate)
}

// IsZero tells that there is no limit.
func (r Rate) IsZero() bool { return r == Rate{} }

func (r Rate) String() string {
	for _, p := range periods {
		if r.Period == p.time {
			return fmt.Sprintf("%d/%s", r.Requests, p.name)
		}
	}
	return ""
}

// UnmarshalText reads what [ParseRate] does.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRate(string(text))
	return err
}

func (r Rate) bucket() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(r.Requests)/r.Period.Seconds()), r.Requests)
}

// maxBuckets is how many callers are told apart at a time.
const maxBuckets = 8192

// Limiter holds callers to their rates, in bounded memory: of the callers it knows, the one that has asked least lately is
// forgotten for a new one, which gives it its requests back and takes none from another.
type Limiter[Caller comparable] struct {
	mu      sync.Mutex
	buckets map[Caller]*list.Element
	recent  list.List // of *bucket, the caller that asked last in front
}

type bucket[Caller comparable] struct {
	caller Caller
	rate   Rate
	tokens *rate.Limiter
}

// NewLimiter makes one that knows no caller yet.
func NewLimiter[Caller comparable]() *Limiter[Caller] {
	return &Limiter[Caller]{buckets: map[Caller]*list.Element{}}
}

// Allow takes one request of a caller that is held to a rate. Where it has none left, after is when it has one.
func (l *Limiter[Caller]) Allow(caller Caller, limit Rate, now time.Time) (after time.Duration, ok bool) {
	if limit.IsZero() {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	element := l.buckets[caller]
	switch {
	case element != nil:
		l.recent.MoveToFront(element)
	case l.recent.Len() >= maxBuckets:
		element = l.recent.Back()
		delete(l.buckets, element.Value.(*bucket[Caller]).caller)
		l.recent.MoveToFront(element)
		element.Value = &bucket[Caller]{caller: caller}
	default:
		element = l.recent.PushFront(&bucket[Caller]{caller: caller})
	}
	l.buckets[caller] = element
	b := element.Value.(*bucket[Caller])
	if b.rate != limit { // also of a key that was given another
		b.rate, b.tokens = limit, limit.bucket()
	}
	one := b.tokens.ReserveN(now, 1)
	if after = one.DelayFrom(now); after > 0 {
		one.CancelAt(now)
		return after, false
	}
	return 0, true
}

// Len is how many callers are known.
func (l *Limiter[Caller]) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recent.Len()
}

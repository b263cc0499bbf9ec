package reuse

// Bytes keeps slices of bytes of any size. Kept and in use together, they are no more than were in use at a time. It is safe for
// concurrent use.
type Bytes struct {
	kept kept[[]byte]
	// The most bytes that were asked for at once since the collector's latest cycle ended, and in that cycle.
	most, before int
}

// NewBytes is one that keeps nothing yet.
func NewBytes() *Bytes {
	b := new(Bytes)
	b.kept.ended = func() { b.before, b.most = b.most, 0 }
	return b
}

// Get returns n bytes of any content: of the smallest slice that is kept and large enough, or new ones. New ones take the place of the
// largest slice that is kept.
func (b *Bytes) Get(n int) []byte {
	if s := b.choose(n); cap(s) >= n {
		return s[:n]
	}
	return make([]byte, n)
}

// choose takes out what is best for n bytes, which may be too small or nothing.
func (b *Bytes) choose(n int) []byte {
	b.kept.mu.Lock()
	defer b.kept.mu.Unlock()
	b.most = max(b.most, n)
	best := -1
	for i, s := range b.kept.values {
		if best < 0 {
			best = i
			continue
		}
		than := cap(b.kept.values[best])
		if cap(s) >= n && (than < n || cap(s) < than) || cap(s) < n && cap(s) > than {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	return b.kept.take(best)
}

// Put keeps a slice for a later Get, unless so much was not needed of late. The caller may not use it afterwards.
func (b *Bytes) Put(s []byte) {
	b.kept.mu.Lock()
	defer b.kept.mu.Unlock()
	if cap(s) > 0 && cap(s)/2 <= max(b.most, b.before) {
		b.kept.add(s)
	}
}

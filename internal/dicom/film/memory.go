package film

const (
	sampleBytes = 2 // of a decoded sample, and of a pixel of the picture
	tableBytes  = 1 << 20
	sampleWork  = 5 // nanoseconds that it takes to count, look up and write one
	inflateWork = 8 // nanoseconds that it takes to inflate a byte, twice
)

// Memory is the most bytes that decoding and then holding the picture take, beside the file's own.
func (f *Film) Memory() int64 {
	m := sampleBytes*f.image.pixels() + tableBytes
	if f.frame.decoder != nil {
		m += sampleBytes*f.image.pixels() + f.frame.header.Memory + f.frame.joined
	}
	if f.deflated != nil {
		m += f.inflatedBytes()
	}
	return m
}

// Work is about how long decoding takes, in nanoseconds of an ordinary core.
func (f *Film) Work() int64 {
	work := sampleWork*f.image.pixels() + f.frame.header.Work
	if f.deflated != nil {
		work += inflateWork * f.inflatedBytes()
	}
	return work
}

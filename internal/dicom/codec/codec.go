// Package codec says what the decoders of compressed DICOM frames have in common. Each is a package below this one, with
// the functions
//
//	Inspect(data []byte) (codec.Header, error)
//	Decode(ctx context.Context, data []byte, to []uint16) error
//
// Inspect reads the headers of a frame and costs neither memory nor much time. Decode decodes into to, which has
// Header.Samples() elements, and stops within milliseconds when ctx ends, with its cause. A stream that is damaged or cut
// short is an error, never half a picture.
package codec

import "errors"

var (
	// ErrDamaged is wrapped by the errors of streams that are damaged or cut short.
	ErrDamaged = errors.New("damaged stream")
	// ErrUnsupported is wrapped by the errors of streams that use what a decoder does not have.
	ErrUnsupported = errors.New("not supported")
)

// Header is what a frame's headers say of it.
type Header struct {
	Width, Height int
	// Components is the number of samples of a pixel. They are interleaved: [Height][Width][Components].
	Components int
	// Bits is how many bits of a sample are significant, 1 to 16, in the low bits of a uint16. Signed samples are in two's
	// complement of 16 bits.
	Bits   int
	Signed bool
	// LeastBytes is what a stream of such a picture has at least: a shorter one is damaged.
	LeastBytes int64
	// Memory is the most bytes that decoding takes beside the stream and the samples.
	Memory int64
	// Work is about how long decoding takes, in nanoseconds of an ordinary core.
	Work int64
}

// Samples is how many samples a frame has.
func (h Header) Samples() int { return h.Width * h.Height * h.Components }

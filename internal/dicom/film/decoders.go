package film

import (
	"context"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/codec"
	"github.com/spikeray/spikeray/internal/dicom/codec/jpeg"
	"github.com/spikeray/spikeray/internal/dicom/codec/jpeg2000"
	"github.com/spikeray/spikeray/internal/dicom/codec/jpegls"
	"github.com/spikeray/spikeray/internal/dicom/codec/rle"
)

// decoder is a codec of compressed pixels.
type decoder struct {
	inspect func(data []byte, m imageModule) (codec.Header, error)
	decode  func(ctx context.Context, data []byte, h codec.Header, to []uint16) error
}

// decoders are the codecs by transfer syntax.
var decoders = map[string]*decoder{
	dicom.RLELossless:        {inspectRLE, rle.Decode},
	dicom.JPEGBaseline:       stream(jpeg.Inspect, jpeg.Decode),
	dicom.JPEGExtended:       stream(jpeg.Inspect, jpeg.Decode),
	dicom.JPEGLossless:       stream(jpeg.Inspect, jpeg.Decode),
	dicom.JPEGLosslessSV1:    stream(jpeg.Inspect, jpeg.Decode),
	dicom.JPEGLSLossless:     stream(jpegls.Inspect, jpegls.Decode),
	dicom.JPEGLSNearLossless: stream(jpegls.Inspect, jpegls.Decode),
	dicom.JPEG2000Lossless:   stream(jpeg2000.Inspect, jpeg2000.Decode),
	dicom.JPEG2000:           stream(jpeg2000.Inspect, jpeg2000.Decode),
}

// stream is a codec whose streams say themselves what they hold.
func stream(inspect func([]byte) (codec.Header, error), decode func(context.Context, []byte, []uint16) error) *decoder {
	return &decoder{
		func(data []byte, _ imageModule) (codec.Header, error) { return inspect(data) },
		func(ctx context.Context, data []byte, _ codec.Header, to []uint16) error {
			return decode(ctx, data, to)
		},
	}
}

// inspectRLE takes from the object what an RLE frame does not say.
func inspectRLE(data []byte, m imageModule) (codec.Header, error) {
	return rle.Inspect(data, m.columns, m.rows, 1, m.allocated/8)
}

package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/spikeray/spikeray/pkg/model"
)

// PreparedFormat is the format of a picture that came prepared.
const PreparedFormat = "prepared"

// PredictPrepared is [Predict] for a picture that its sender has decoded and prepared as the model's description says:
// [Height][Width], 8-bit grey, without the grey window. Nothing tells how it was made, so the answer has a warning. It does not
// change pixels.
func PredictPrepared(ctx context.Context, m *model.Model, pixels []uint8, opt Options) (Prediction, error) {
	var out Prediction
	description := m.Description()
	if err := opt.Check(description); err != nil {
		return out, err
	}
	p := description.Preparation
	if len(pixels) != p.Width*p.Height {
		return out, fmt.Errorf("%w: %d pixels, the prepared picture of %s has %d", model.ErrPicture, len(pixels), description.Name, p.Width*p.Height)
	}
	if least, most := slices.Min(pixels), slices.Max(pixels); least == most {
		return out, fmt.Errorf("%w: all pixels have the grey %d", model.ErrPicture, least)
	}
	lap := stopwatch()
	out.Input = Input{Format: PreparedFormat, Width: p.Width, Height: p.Height}
	err := out.look(m, pixels)
	out.Timing.Prepare = lap()
	if err != nil {
		return out, err
	}
	out.Warnings = []string{"prepared: the picture came prepared by its sender; the answer holds only if that was done as in training"}
	err = out.infer(ctx, m, pixels, opt)
	out.Timing.Infer = lap()
	return out, err
}

// PredictAlong answers a picture that was prepared for another model with the same preparation, and that this has answered. The gate
// is asked as opt says; Input and Look are empty.
func PredictAlong(ctx context.Context, m *model.Model, pixels []uint8, opt Options) (Prediction, error) {
	out := Prediction{Warnings: []string{}}
	if err := opt.Check(m.Description()); err != nil {
		return out, err
	}
	lap := stopwatch()
	err := out.infer(ctx, m, pixels, opt)
	out.Timing.Infer = lap()
	return out, err
}

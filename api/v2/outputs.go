package v2

import (
	"encoding/binary"
	"encoding/json"
	"math"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// float fills FP64. What a prediction does not have is NaN.
func float(of func(*pipeline.Prediction) float64) func(*oip.Tensor, *Outcome) {
	return func(t *oip.Tensor, o *Outcome) {
		t.Data = binary.LittleEndian.AppendUint64(t.Data, math.Float64bits(of(&o.Prediction)))
	}
}

// whole fills UINT64.
func whole(of func(*pipeline.Prediction) uint64) func(*oip.Tensor, *Outcome) {
	return func(t *oip.Tensor, o *Outcome) { t.Data = binary.LittleEndian.AppendUint64(t.Data, of(&o.Prediction)) }
}

func fillLogits(t *oip.Tensor, o *Outcome) {
	for _, v := range o.Prediction.Logits {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
}

// fillLabel fills the decision, which is empty where the model has none for so few steps.
func fillLabel(t *oip.Tensor, o *Outcome) {
	t.Elements = append(t.Elements, []byte(o.Prediction.Label))
}

// fillAnswer fills the whole answer, in JSON.
func fillAnswer(t *oip.Tensor, o *Outcome) {
	document, err := json.Marshal(o.Document)
	if err != nil { // it always can be encoded
		panic("v2: " + err.Error())
	}
	t.Elements = append(t.Elements, document)
}

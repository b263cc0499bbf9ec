package kernel

import (
	"math"
	"testing"
)

func TestSigmoidIsTheLogisticFunction(t *testing.T) {
	for x := -800.0; x <= 800; x += 0.37 {
		got, want := Sigmoid(x), 1/(1+math.Exp(-x))
		if x < 0 { // without the cancellation
			want = math.Exp(x) / (1 + math.Exp(x))
		}
		if math.Abs(got-want) > 1e-15*want+1e-320 {
			t.Errorf("%v: %v, want %v", x, got, want)
		}
		if sum := got + Sigmoid(-x); math.Abs(sum-1) > 3e-16 {
			t.Errorf("%v: both sides are %v", x, sum)
		}
	}
	if Sigmoid(0) != 0.5 || Sigmoid(math.Inf(1)) != 1 || Sigmoid(math.Inf(-1)) != 0 {
		t.Errorf("%v at 0, %v and %v at the ends", Sigmoid(0), Sigmoid(math.Inf(1)), Sigmoid(math.Inf(-1)))
	}
}

// However large the logits are, their probabilities are those of their differences.
func TestSoftmaxIsOfDifferences(t *testing.T) {
	for _, at := range []float32{0, 3, -80, 1000, -1000, 1e7} {
		var got [3]float64
		Softmax(got[:], []float32{at + 2, at, at - 1})
		sum := math.Exp(2) + 1 + math.Exp(-1)
		for i, want := range []float64{math.Exp(2) / sum, 1 / sum, math.Exp(-1) / sum} {
			if !(math.Abs(got[i]-want) <= 1e-14) { // NaN too
				t.Errorf("at %v: %v, want %v at %d", at, got, want, i)
			}
		}
	}
}

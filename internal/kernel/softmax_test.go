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

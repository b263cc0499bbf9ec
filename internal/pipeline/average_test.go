package pipeline

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAnAverageIsDoubtedOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a Average
		if !a.Doubt() || a.Value() != 0 {
			t.Error("something is known before anything is learned")
		}
		a.Learn(time.Second)
		a.Learn(17 * time.Second)
		if a.Value() != 2*time.Second || a.Doubt() {
			t.Errorf("%v", a.Value())
		}
		time.Sleep(believed)
		if !a.Doubt() || a.Doubt() {
			t.Error("it is to be found out once")
		}
		a.Learn(time.Millisecond)
		if a.Value() != time.Millisecond {
			t.Errorf("what was out of date still counts: %v", a.Value())
		}
		a.AtLeast(17 * time.Millisecond)
		if a.Value() != 2*time.Millisecond {
			t.Errorf("%v", a.Value())
		}
		a.AtLeast(time.Millisecond)
		if a.Value() != 2*time.Millisecond {
			t.Errorf("what took at least less than the mean changes it to %v", a.Value())
		}
		time.Sleep(believed)
		if !a.Doubt() {
			t.Error("it is believed for ever")
		}
		a.AtLeast(time.Millisecond)
		time.Sleep(believed / 2)
		if a.Doubt() || a.Value() != 2*time.Millisecond {
			t.Errorf("%v", a.Value())
		}
	})
}

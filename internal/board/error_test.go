package board

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/remote"
	"github.com/spikeray/spikeray/pkg/hw/spinnaker"
)

func TestKinds(t *testing.T) {
	for err, want := range map[error]Kind{
		context.DeadlineExceeded: TimedOut, remote.ErrLate: TimedOut, spinnaker.ErrSilent: TimedOut, errStuck: TimedOut,
		remote.ErrAnswer: WrongAnswer, remote.ErrNetworkDiffers: WrongAnswer, hw.ErrImpossible: WrongAnswer,
		remote.ErrNoAnswer: Failed, hw.ErrClosed: Failed, remote.ErrOwned: Failed,
	} {
		if got := kindOf(fmt.Errorf("run: %w", err)); got != want {
			t.Errorf("%v: %s, expected %s", err, got, want)
		}
	}
	for _, k := range Kinds {
		if text := (&Error{"x", k, errStuck}).Error(); strings.Contains(text, "  ") || !strings.HasSuffix(text, errStuck.Error()) {
			t.Errorf("%s: %q", k, text)
		}
	}
}

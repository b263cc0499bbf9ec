package dimse

import (
	"net"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// TestAnswersInPiecesAreNotWaitedFor has a peer that writes as dcmtk does: each answer in two pieces, the second of which the
// peer's kernel keeps until the first is acknowledged.
func TestAnswersInPiecesAreNotWaitedFor(t *testing.T) {
	peer := scripted(t, func(r raw) {
		_ = r.Conn.(*net.TCPConn).SetNoDelay(false)
		agrees(0)(r)
		w := newWire(newTimed(r, time.Minute, pace{idle: time.Minute, message: time.Minute, write: time.Minute}), defaultPDU)
		for {
			context, c, err := w.message(func(byte) bool { return true }, func(byte, command) sink { return new(discard) })
			if err != nil {
				return
			}
			b := answered(context, c.reply(Success, ""))
			_, _ = r.Write(b[:pduHeader])
			_, _ = r.Write(b[pduHeader:])
		}
	})
	a, err := Dial(t.Context(), peer, Context{dicom.Verification, []string{dicom.ImplicitLittleEndian}})
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	begin := time.Now()
	for range n {
		if err := a.Echo(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(begin)
	_ = a.Release(t.Context())        // the peer then ends the connection
	if took > n*20*time.Millisecond { // the least delay of an acknowledgement is 40 ms
		t.Errorf("%d answers took %v", n, took)
	}
}

package memory

import "testing"

// TestConnectionsOverTLSAreSetAside takes what they need from uploads and pictures, and no more than an eighth.
func TestConnectionsOverTLSAreSetAside(t *testing.T) {
	for _, c := range []struct {
		bytes       int64
		asked, have int
	}{{128 << 20, 1024, 341}, {256 << 20, 1024, 682}, {1 << 30, 1024, 1024}, {1 << 30, 10, 10}} {
		plain, err := Share(Limit{Bytes: c.bytes})
		if err != nil {
			t.Fatal(err)
		}
		p := plain
		if n := p.Secure(c.asked); n != c.have || p.Secured != int64(n)*securedConnection {
			t.Errorf("%d MiB: %d connections of %d, %d bytes", c.bytes>>20, n, c.asked, p.Secured)
		}
		if p.Secured > c.bytes/8 || p.Uploads+p.Pictures+p.Secured > plain.Uploads+plain.Pictures+100 || p.Pictures < 2*Task {
			t.Errorf("%d MiB: %+v", c.bytes>>20, p)
		}
	}
}

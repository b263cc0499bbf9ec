package mllp

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const message = "MSH|^~\\&|SPIKERAY|m|||20250317||ORU^R01^ORU_R01|ID-1|P|2.5.1\rPID|1||4711\r"

func ack(code, control, rest string) string {
	return "\x0bMSH|^~\\&|R|||||20250317||ACK^R01^ACK|99|P|2.5.1\rMSA|" + code + "|" + control + "\r" + rest + "\x1c\r"
}

// receiver answers each connection with some bytes after a message arrived, and says what arrived.
func receiver(t *testing.T, listener net.Listener, answer string) (addr string, got <-chan string) {
	t.Helper()
	received := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		block, _ := bufio.NewReader(conn).ReadString(endBlock)
		received <- block
		io.WriteString(conn, answer)
		io.Copy(io.Discard, conn) // until the sender closes
	}()
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String(), received
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAnswers(t *testing.T) {
	cases := map[string]struct {
		answer    string
		ok        bool
		refusal   string
		temporary bool
	}{
		"accepted":               {answer: ack("AA", "ID-1", ""), ok: true},
		"commit accepted":        {answer: ack("CA", "ID-1", ""), ok: true},
		"bytes before the block": {answer: "\r\n" + ack("AA", "ID-1", ""), ok: true},
		"lines end in LF":        {answer: strings.ReplaceAll(ack("AA", "ID-1", ""), "\r", "\n"), ok: true},
		"another separator":      {answer: "\x0bMSH#^~\\&#R\rMSA#AA#ID-1\r\x1c\r", ok: true},
		"error":                  {answer: ack("AE", "ID-1", ""), refusal: "AE"},
		"rejected":               {answer: ack("AR", "ID-1", ""), refusal: "AR", temporary: true},
		"record locked":          {answer: ack("AE", "ID-1", "ERR||PID^1|206^locked|E\r"), refusal: "AE 206", temporary: true},
		"internal error":         {answer: ack("AR", "ID-1", "ERR|||207|E\r"), refusal: "AR 207", temporary: true},
		"unsupported version":    {answer: ack("AR", "ID-1", "ERR|||203|E\r"), refusal: "AR 203"},
		"a text for a reason":    {answer: ack("AR", "ID-1", "ERR|||PLANTED NAME|E\r"), refusal: "AR", temporary: true},
		"commit rejected":        {answer: ack("CR", "ID-1", ""), refusal: "CR", temporary: true},
		"for another message":    {answer: ack("AA", "ID-2", ""), temporary: true},
		"unknown code":           {answer: ack("ZZ", "ID-1", ""), temporary: true},
		"no MSA":                 {answer: "\x0bMSH|^~\\&|R\r\x1c\r", temporary: true},
		"no header":              {answer: "\x0bMSA|AA|ID-1\r\x1c\r", temporary: true},
		"no end":                 {answer: "\x0bMSH|" + strings.Repeat("x", 2*maxAnswer), temporary: true},
		"no block":               {answer: strings.Repeat("x", 2*maxAnswer), temporary: true},
		"an empty block":         {answer: "\x0b\x1c\r", temporary: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			addr, got := receiver(t, listen(t), c.answer)
			err := Send(t.Context(), addr, nil, []byte(message))
			if sent := <-got; sent != "\x0b"+message+"\x1c" {
				t.Errorf("received %q", sent)
			}
			if (err == nil) != c.ok || Temporary(err) != c.temporary {
				t.Errorf("%v, temporary %v", err, Temporary(err))
			}
			var refusal *Refusal
			if errors.As(err, &refusal) != (c.refusal != "") || refusal != nil && strings.TrimSpace(refusal.Code+" "+refusal.Reason) != c.refusal {
				t.Errorf("%+v, want %s", refusal, c.refusal)
			}
			if err != nil && strings.Contains(err.Error(), "PLANTED") {
				t.Errorf("the error repeats the receiver's text: %v", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	secured := func() net.Listener { return tls.NewListener(listen(t), server.TLS) }

	addr, got := receiver(t, secured(), ack("AA", "ID-1", ""))
	if err := Send(t.Context(), addr, &tls.Config{RootCAs: pool}, []byte(message)); err != nil {
		t.Fatal(err)
	}
	if sent := <-got; sent != "\x0b"+message+"\x1c" {
		t.Errorf("received %q", sent)
	}
	addr, _ = receiver(t, secured(), ack("AA", "ID-1", ""))
	var unknown *tls.CertificateVerificationError
	if err := Send(t.Context(), addr, &tls.Config{}, []byte(message)); !errors.As(err, &unknown) {
		t.Errorf("a receiver whose certificate nobody signed: %v", err)
	}
}

func TestReceiverThatKeepsSilent(t *testing.T) {
	addr, _ := receiver(t, listen(t), "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err := Send(ctx, addr, nil, []byte(message))
	if !errors.Is(err, context.DeadlineExceeded) || !Temporary(err) {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestNobodyListens(t *testing.T) {
	l := listen(t)
	l.Close()
	if err := Send(t.Context(), l.Addr().String(), nil, []byte(message)); err == nil || !Temporary(err) {
		t.Errorf("%v", err)
	}
}

func TestMessagesThatAreNone(t *testing.T) {
	for _, m := range []string{"", "MSH", "PID|1", "MSH|^~\\&|a\r", message + "\x1c", "\x0b" + message} {
		err := Send(t.Context(), "127.0.0.1:1", nil, []byte(m))
		if !errors.Is(err, ErrMessage) || Temporary(err) {
			t.Errorf("%q: %v", m, err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{ack("AA", "ID-1", ""), ack("AE", "ID-1", "ERR|||207|E\r"), "\x0bMSH|\x1c", "\x0b\x1c", "MSH", "\x0bMSH|\rMSA|AA|ID-1\x1c\r"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		block, err := readBlock(strings.NewReader(string(answer)))
		if err != nil {
			return
		}
		if acknowledged(block, "ID-1") == nil && (!strings.Contains(string(block), "ID-1") || !strings.ContainsAny(string(block), "AC")) {
			t.Errorf("%q is taken for an acknowledgement", answer)
		}
	})
}

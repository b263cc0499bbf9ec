package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Options say how to reach the host.
type Options struct {
	URL string // http://host:port, or https
	// Model, if not empty, names a network that the host has loaded by itself. Nothing is sent; the digests must match.
	Model string
	// Timeout for one request; 30 s if 0.
	Timeout time.Duration
	// Key, if not empty, lets a later process with the same key take the board over from this one at once. Processes that run
	// at the same time must have different keys. Only the key's SHA-256 is sent to the host.
	Key string
	// Epoch orders processes with the same key: a later process has a larger epoch. 0 stands for the time at which this
	// process began, in nanoseconds.
	Epoch int64
}

// began is the epoch of this process.
var began = time.Now().UnixNano()

const (
	maxObject  = 1 << 20 // bytes of an answer without tensors, and of the JSON of one with them
	fileName   = "file:1/network.safetensors"
	closeGrace = 2 * time.Second
)

// Open connects to the host and asks for its capabilities. The board's name is "remote-" and the host's name for it.
func Open(ctx context.Context, o Options) (hw.Board, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.User != nil {
		return nil, fmt.Errorf("remote: %q is not the address of a board host, expected http://HOST:PORT", o.URL)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Epoch == 0 {
		o.Epoch = began
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("remote: the timeout is %v, must be above 0", o.Timeout)
	}
	b := &board{options: o, base: strings.TrimSuffix(base.String(), "/"), turn: make(chan struct{}, 1), loaded: map[string]bool{}, name: "remote"}
	b.http = &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: o.Timeout, KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConns:           2,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        90 * time.Second,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 1 << 16,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var token [16]byte
	rand.Read(token[:])
	b.owner = hex.EncodeToString(token[:])
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx)) // until Close, however long ctx lives
	if err := b.introduce(ctx); err != nil {
		b.cancel()
		b.http.CloseIdleConnections()
		return nil, err
	}
	return b, nil
}

type board struct {
	options Options
	base    string
	http    *http.Client
	name    string
	can     hw.Capabilities
	owner   string
	turn    chan struct{} // held while the board is asked to do something
	ctx     context.Context
	cancel  context.CancelFunc

	mu     sync.Mutex
	loaded map[string]bool // networks that the host was sent, by name
}

// parameters are those of who owns the board, and more.
func (b *board) parameters(more oip.Parameters) oip.Parameters {
	p := oip.Parameters{"owner": b.owner}
	if b.options.Key != "" {
		sum := sha256.Sum256([]byte(b.options.Key))
		p["owner_key"], p["owner_epoch"] = hex.EncodeToString(sum[:]), b.options.Epoch
	}
	maps.Copy(p, more)
	return p
}

var boardName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

func (b *board) introduce(ctx context.Context) error {
	var m oip.ServerMetadata
	if err := b.get(ctx, "/v2", &m); err != nil {
		return err
	}
	name, err := m.Parameters.Text("board")
	if err != nil || !boardName.MatchString(name) {
		return wrong("it gives no usable name for its board: %.80q", name)
	}
	needed := []string{oip.BinaryTensorData}
	if b.options.Model == "" {
		needed = append(needed, oip.ModelRepository)
	}
	for _, extension := range needed {
		if !slices.Contains(m.Extensions, extension) {
			return wrong("it lacks the extension %s", extension)
		}
	}
	text, err := m.Parameters.Text("capabilities")
	if err != nil {
		return wrong("%v", err)
	}
	c := &b.can
	if err := json.Unmarshal([]byte(text), c); err != nil {
		return wrong("capabilities: %v", err)
	}
	known := slices.Contains([]hw.Fidelity{hw.Silicon, hw.ExactEmulator, hw.Approximate, hw.Float}, c.Fidelity)
	if !known || len(c.Axes) == 0 || len(c.Layers) == 0 || len(c.Dynamics) == 0 || c.MaxCount < 1 || c.MaxCount > 255 || c.MaxSteps < 1 {
		return wrong("its capabilities are incomplete: %.200q", text)
	}
	b.name = "remote-" + name
	return nil
}

func (b *board) Name() string                  { return b.name }
func (b *board) Capabilities() hw.Capabilities { return b.can }
func (b *board) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	return hw.Compile(ctx, b, n)
}

func (b *board) Health(ctx context.Context) error {
	_, _, err := b.ask(ctx, http.MethodGet, "/v2/health/ready", nil, "", maxObject)
	return err
}

// Close gives the board back if the host can be reached. A run that is under way for this client is stopped.
func (b *board) Close() error {
	b.cancel()
	b.mu.Lock()
	loaded := b.loaded
	b.loaded = nil
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), min(closeGrace, b.options.Timeout))
	defer cancel()
	body, _ := json.Marshal(oip.RepositoryRequest{Parameters: b.parameters(nil)})
	for name := range loaded {
		if _, _, err := b.exchange(ctx, http.MethodPost, "/v2/repository/models/"+name+"/unload", body, "", maxObject); errors.Is(err, ErrNoAnswer) {
			break
		}
	}
	b.http.CloseIdleConnections()
	return nil
}

// take waits for the board to be free, and gives what frees it again.
func (b *board) take(ctx context.Context) (func(), error) {
	if err := b.alive(ctx); err != nil {
		return nil, err
	}
	select {
	case b.turn <- struct{}{}:
		return func() { <-b.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.ctx.Done():
		return nil, hw.ErrClosed
	}
}

func (b *board) alive(ctx context.Context) error {
	if b.ctx.Err() != nil {
		return hw.ErrClosed
	}
	return ctx.Err()
}

func (b *board) get(ctx context.Context, path string, to any) error {
	body, _, err := b.ask(ctx, http.MethodGet, path, nil, "", maxObject)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, to); err != nil {
		return wrong("%s: %v", path, err)
	}
	return nil
}

// ask is exchange within the lives of the context, the board and the time-out.
func (b *board) ask(ctx context.Context, method, path string, body []byte, header string, most int) ([]byte, string, error) {
	if err := b.alive(ctx); err != nil {
		return nil, "", err
	}
	within, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)()
	answer, header, err := b.exchange(within, method, path, body, header, most)
	if ended := b.alive(ctx); err != nil && ended != nil {
		return nil, "", ended
	}
	if err != nil && within.Err() != nil {
		return nil, "", fmt.Errorf("%w: no answer to %s within %v", ErrLate, path, b.options.Timeout)
	}
	return answer, header, err
}

// exchange sends a request and reads an answer of at most so many bytes. header is that of a body with tensors.
func (b *board) exchange(ctx context.Context, method, path string, body []byte, header string, most int) ([]byte, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, "", fmt.Errorf("remote: %w", err)
	}
	if header != "" {
		req.Header.Set(oip.HeaderLength, header)
		req.Header.Set("Content-Type", "application/octet-stream")
	} else if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		most = maxObject
	}
	answer, err := oip.Read(resp.Body, resp.ContentLength, most)
	switch {
	case errors.Is(err, oip.ErrMessage):
		return nil, "", fmt.Errorf("%w: %w", ErrAnswer, err)
	case err != nil:
		return nil, "", fmt.Errorf("%w: %w", ErrNoAnswer, err)
	case resp.StatusCode != http.StatusOK:
		return nil, "", b.hostError(resp.StatusCode, answer)
	}
	return answer, resp.Header.Get(oip.HeaderLength), nil
}

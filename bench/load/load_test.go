package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEveryRequestIsSentOnceAndAnswered(t *testing.T) {
	var mu sync.Mutex
	seen, remotes := map[string]int{}, map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		seen[string(body)]++
		remotes[r.RemoteAddr] = true
		mu.Unlock()
		fmt.Fprintf(w, `{"probability": 0.%d}`, len(body))
	}))
	defer server.Close()
	s, err := newService(server.URL+"/", [][]byte{[]byte("a"), []byte("bb")}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.ask(3, 11)
	if err != nil {
		t.Fatal(err)
	}
	// Each of the three connections begins with one that does not count.
	if seen["a"] != 6+2 || seen["bb"] != 5+1 {
		t.Errorf("the pictures were sent %v times, expected 8 and 6", seen)
	}
	if len(remotes) > 3 {
		t.Errorf("%d connections, 3 were asked for", len(remotes))
	}
	if r.probabilities[0] != 0.1 || r.probabilities[1] != 0.2 {
		t.Errorf("probabilities %v", r.probabilities)
	}
	for i, l := range r.latencies {
		if l <= 0 || l > r.took {
			t.Errorf("request %d took %v of %v", i, l, r.took)
		}
	}
}

func TestAnAnswerThatIsNoPredictionEndsTheRun(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"503": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"probability": 1}`, http.StatusServiceUnavailable)
		},
		"without a probability": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) },
		"no JSON":               func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `hello`) },
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Repeat(" ", maxAnswer), `{"probability": 1}`)
		},
		"closing": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, `{"probability": 1}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			s, err := newService(server.URL+"/", [][]byte{[]byte("a")}, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.ask(2, 4); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestPercentile(t *testing.T) {
	sorted := []time.Duration{10, 20, 30, 40, 50, 60, 70, 80, 90, 100}
	for p, want := range map[float64]time.Duration{0: 10, 10: 10, 50: 50, 95: 100, 90: 90, 91: 100, 100: 100} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("percentile %v is %v, want %v", p, got, want)
		}
	}
}

package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Access is the metrics of who is let in. All methods are safe for concurrent use.
type Access struct{ refused, handshakes *prometheus.CounterVec }

// Access makes the metrics of requests that are refused because of who sends them, and of connections that do not become secured
// ones, each by reason and at 0. Call it once.
func (m *Metrics) Access(reasons, failures []string) *Access {
	a := &Access{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_access_refusals_total",
			Help: "Requests refused because of who sent them, by reason: credentials that are missing or not valid (401), that do not allow the request (403), or more requests than the caller may send (429).",
		}, []string{"reason"}),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_tls_handshake_failures_total",
			Help: "Connections that did not become secured ones, by reason.",
		}, []string{"reason"}),
	}
	for _, r := range reasons {
		a.refused.WithLabelValues(r)
	}
	for _, f := range failures {
		a.handshakes.WithLabelValues(f)
	}
	m.registry.MustRegister(a.refused, a.handshakes)
	return a
}

// Refused counts a request that was refused because of who sent it.
func (a *Access) Refused(reason string) { a.refused.WithLabelValues(reason).Inc() }

// HandshakeFailed counts a connection that did not become a secured one.
func (a *Access) HandshakeFailed(reason string) { a.handshakes.WithLabelValues(reason).Inc() }

// Files is the metrics of files that are read again when they change. All methods are safe for concurrent use.
type Files struct {
	reads *prometheus.CounterVec
	stale *prometheus.GaugeVec
}

// Files makes the metrics of such files, by what they are. Call it once.
func (m *Metrics) Files(names ...string) *Files {
	f := &Files{
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_file_reloads_total",
			Help: "Changes of files that were put in force (taken) or could not be (refused), by what the files are.",
		}, []string{"file", "result"}),
		stale: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "spikeray_file_stale",
			Help: "1 while what a file has now cannot be used and what it had before is in force; by what the file is.",
		}, []string{"file"}),
	}
	for _, name := range names {
		f.reads.WithLabelValues(name, "taken")
		f.reads.WithLabelValues(name, "refused")
		f.stale.WithLabelValues(name)
	}
	m.registry.MustRegister(f.reads, f.stale)
	return f
}

// Read counts a change, with an error if it could not be put in force.
func (f *Files) Read(name string, err error) {
	result, stale := "taken", 0.
	if err != nil {
		result, stale = "refused", 1
	}
	f.reads.WithLabelValues(name, result).Inc()
	f.stale.WithLabelValues(name).Set(stale)
}

// Certificate tells at each scrape when the server's certificate expires. Call it once.
func (m *Metrics) Certificate(expiry func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "spikeray_tls_certificate_expiry_timestamp_seconds",
		Help: "When the certificate of the service's listener expires, in seconds since 1970.",
	}, func() float64 { return float64(expiry().Unix()) }))
}

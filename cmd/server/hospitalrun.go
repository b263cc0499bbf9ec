package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/node/target"
	"github.com/spikeray/spikeray/internal/node/watch"
	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/telemetry"
)

// hospital is this server's part in a hospital's network: where films come from, beside HTTP, and where results go.
type hospital struct {
	node     *node.Node
	box      *outbox.Outbox
	delivery outbox.Delivery
	dicom    *dimse.Server // nil without associations
	listener net.Listener
	folder   *watch.Folder // nil without one
	log      *slog.Logger

	running   sync.WaitGroup // what takes films
	failed    error          // why no more associations are accepted, once nothing is running
	delivered sync.WaitGroup
	stopTake  context.CancelFunc
	stopSend  context.CancelFunc
}

// openHospital opens what the flags name, nil for nothing. The caller must close it.
func (c *serveCommand) openHospital(plan memory.Plan, m *telemetry.Metrics, log *slog.Logger, version string) (_ *hospital, err error) {
	targets, err := c.targets()
	if err != nil || len(targets) == 0 {
		return nil, err
	}
	if c.Outbox == "" {
		return nil, errors.New("--send needs --outbox: a folder in which results wait until they are delivered")
	}
	settings, err := c.settings()
	if err != nil {
		return nil, err
	}
	h := &hospital{log: log}
	if h.box, err = outbox.Open(c.Outbox, c.outboxOptions()); err != nil {
		return nil, fmt.Errorf("--outbox %s: %w", c.Outbox, err)
	}
	defer func() {
		if err != nil {
			_ = h.close()
		}
	}()
	h.node = node.New(h.box, targets, version, log)
	h.send(targets, settings, m)
	intake := m.Intake(intakeResults(), words(dimse.Outcomes()))
	if c.DICOMListen != "" {
		if err := c.listen(h, plan, m, intake); err != nil {
			return nil, err
		}
	}
	if c.Watch != "" {
		h.folder = &watch.Folder{Dir: c.Watch, Log: log, Counted: func(r watch.Result) { intake.Film("watch", string(r)) }}
		if err := h.folder.Prepare(); err != nil {
			return nil, fmt.Errorf("--watch: %w", err)
		}
	}
	return h, nil
}

// send says how results are delivered.
func (h *hospital) send(targets []target.Target, settings target.Settings, m *telemetry.Metrics) {
	senders := make(map[string]outbox.Sender, len(targets))
	var names []string
	for _, t := range targets {
		senders[t.Name] = t.Sender(settings)
		names = append(names, t.Name)
	}
	metrics := m.Outbox(func() telemetry.OutboxState {
		s := h.box.State()
		state := telemetry.OutboxState{Damaged: s.Damaged, Bytes: s.Bytes, Limit: s.MaxBytes}
		for _, t := range s.Targets {
			state.Targets = append(state.Targets, telemetry.OutboxTarget{Target: t.Target, Items: t.Items, Failed: t.Failed, Oldest: t.Oldest})
		}
		return state
	}, names, words(outbox.Outcomes))
	h.delivery = outbox.Delivery{Senders: senders, Log: h.log, Tried: func(target string, o outbox.Outcome) { metrics.Tried(target, string(o)) }}
}

// listen opens the address for associations.
func (c *serveCommand) listen(h *hospital, plan memory.Plan, m *telemetry.Metrics, intake *telemetry.Intake) (err error) {
	if h.dicom, err = c.dimseServer(plan.Objects, int64(c.MaxBytes)); err != nil {
		return err
	}
	if h.dicom.TLS, err = c.dicomTLS(c.files); err != nil {
		return err
	}
	h.dicom.Log, h.dicom.StorageClasses = h.log, film.Classes()
	h.dicom.Hooks = dimse.Hooks{
		Ended:  func(o dimse.Outcome) { intake.Association(string(o)) },
		Stored: func(s dimse.Status, _ int64, _ time.Duration) { intake.Film("dimse", statusLabel(s)) },
	}
	m.Associations(h.dicom.Associations, h.dicom.Held, func() int64 { return plan.Objects })
	if h.listener, err = net.Listen("tcp", c.DICOMListen); err != nil {
		return fmt.Errorf("--dicom-listen: %w", err)
	}
	return nil
}

// statusLabel is a C-STORE's status as a metrics' label.
func statusLabel(s dimse.Status) string { return fmt.Sprintf("%04X", uint16(s)) }

// intakeResults are the results that films may have by the way they come, for metrics.
func intakeResults() map[string][]string {
	all := map[string][]string{"watch": words(watch.Results)}
	for _, s := range []dimse.Status{dimse.Success, dimse.OutOfResources, dimse.NotMatching, dimse.CannotUnderstand, dimse.ClassNotSupported, dimse.ProcessingFailure} {
		all["dimse"] = append(all["dimse"], statusLabel(s))
	}
	return all
}

func words[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, w := range list {
		all[i] = string(w)
	}
	return all
}

// serve has the server serve, and what takes films and delivers results beside it. Where associations are no longer accepted all
// of it ends: whoever looks after the process starts it again.
func (h *hospital) serve(ctx context.Context, server *api.Server, l net.Listener, patience time.Duration) error {
	if h == nil {
		return server.Serve(ctx, l)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	h.start(ctx, end, server, patience)
	err := server.Serve(ctx, l)
	h.stop()
	return errors.Join(err, h.failed)
}

// start begins to deliver, and to take films for the server until ctx ends. It calls end where associations are no longer accepted.
func (h *hospital) start(ctx context.Context, end func(), server *api.Server, patience time.Duration) {
	take, stopTake := context.WithCancel(ctx)
	send, stopSend := context.WithCancel(context.WithoutCancel(ctx))
	h.stopTake, h.stopSend = stopTake, stopSend
	h.delivered.Go(func() { h.box.Run(send, h.delivery) })
	if h.dicom != nil {
		h.dicom.Store = func(ctx context.Context, o dimse.Object) (dimse.Status, string) {
			file, err := o.File()
			if err == nil {
				err = server.Take(ctx, o.Remote, file)
			}
			return api.StoreStatus(err)
		}
		h.log.Info("listening for DICOM", "addr", h.listener.Addr().String(), "ae_title", h.dicom.AETitle, "tls", h.dicom.TLS != nil)
		h.running.Go(func() {
			if err := h.dicom.Serve(context.WithoutCancel(ctx), h.listener); err != nil {
				h.log.Error("no more DICOM associations are accepted", "error", err)
				h.failed = fmt.Errorf("--dicom-listen: %w", err)
				end()
			}
		})
		h.running.Go(func() {
			<-take.Done()
			last, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), patience, errors.New("the time to stop is over"))
			defer cancel()
			if err := h.dicom.Shutdown(last); err != nil {
				h.log.Warn("DICOM associations were cut off", "error", err)
			}
		})
	}
	if h.folder != nil {
		h.folder.Take = func(ctx context.Context, path string) error {
			return takeFile(context.WithoutCancel(ctx), server, path)
		}
		h.running.Go(func() { h.folder.Run(take) })
	}
}

// takeFile takes one file of the watched folder.
func takeFile(ctx context.Context, server *api.Server, path string) error {
	file, size, err := watch.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	err = server.TakeFile(ctx, file, size)
	if status, detail := api.Status(err); err != nil && status < 500 {
		return &watch.Refusal{Reason: detail}
	}
	return err
}

// stop ends what takes films, waits for those in flight, and ends deliveries when what is being sent is through.
func (h *hospital) stop() {
	if h.stopTake == nil {
		return
	}
	h.stopTake()
	h.running.Wait()
	h.stopSend()
	h.delivered.Wait()
}

// close lets go of everything, after stop.
func (h *hospital) close() error {
	h.stop()
	var err error
	if h.listener != nil {
		if e := h.listener.Close(); !errors.Is(e, net.ErrClosed) {
			err = e
		}
	}
	return errors.Join(err, h.box.Close())
}

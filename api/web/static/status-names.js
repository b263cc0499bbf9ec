// The metrics that the status page reads. A test in Go holds that the server registers each of them,
// so a metric is named here and nowhere else on the page.
export const names = Object.freeze({
  build: 'spikeray_build_info',
  started: 'process_start_time_seconds',
  resident: 'process_resident_memory_bytes',
  heap: 'go_memstats_heap_alloc_bytes',
  cpu: 'process_cpu_seconds_total',
  goroutines: 'go_goroutines',
  openFiles: 'process_open_fds',
  openFilesLimit: 'process_max_fds',

  model: 'spikeray_model_info',
  calibration: 'spikeray_site_calibration_info',

  queueDepth: 'spikeray_queue_depth',
  batchDepth: 'spikeray_queue_batch_depth',
  queueCapacity: 'spikeray_queue_capacity',
  backlog: 'spikeray_queue_backlog_seconds',
  workers: 'spikeray_workers',
  workersBusy: 'spikeray_workers_busy',

  requests: 'spikeray_http_requests_total',
  inFlight: 'spikeray_http_requests_in_flight',
  connections: 'spikeray_connections',
  connectionsLimit: 'spikeray_connections_limit',
  evicted: 'spikeray_connections_evicted_total',
  acceptErrors: 'spikeray_accept_errors_total',

  stages: 'spikeray_stage_duration_seconds',

  pictureMemory: 'spikeray_picture_memory_bytes',
  pictureMemoryLimit: 'spikeray_picture_memory_limit_bytes',
  uploads: 'spikeray_upload_buffer_bytes',
  uploadsLimit: 'spikeray_upload_buffer_limit_bytes',

  predictions: 'spikeray_predictions_total',
  undecided: 'spikeray_undecided_answers_total',
  spikes: 'spikeray_spikes_total',
  operations: 'spikeray_synaptic_operations_total',
  failures: 'spikeray_prediction_failures_total',
  rejections: 'spikeray_rejections_total',
  flagged: 'spikeray_gate_flagged_total',

  panics: 'spikeray_panics_total',
  logDropped: 'spikeray_log_records_dropped_total',
  logSampledOut: 'spikeray_log_lines_sampled_out_total',

  boardState: 'spikeray_board_state',
  boardFailures: 'spikeray_board_failures_total',
  boardCanaries: 'spikeray_board_canaries_total',
  degraded: 'spikeray_degraded_answers_total',

  driftPictures: 'spikeray_drift_window_pictures',
  driftCapacity: 'spikeray_drift_window_pictures_limit',
  driftIndex: 'spikeray_drift_population_stability_index',
  driftRaised: 'spikeray_drift_raised',
  driftShare: 'spikeray_drift_positive_share_ratio',
  driftEstimate: 'spikeray_drift_estimate_ratio',

  outboxItems: 'spikeray_outbox_items',
  outboxFailed: 'spikeray_outbox_failed_items',
  outboxOldest: 'spikeray_outbox_oldest_seconds',
  outboxDamaged: 'spikeray_outbox_damaged_items',
  outboxBytes: 'spikeray_outbox_bytes',
  outboxLimit: 'spikeray_outbox_limit_bytes',
  deliveries: 'spikeray_outbox_deliveries_total',

  films: 'spikeray_films_received_total',
  associations: 'spikeray_dicom_associations_total',
  associationsOpen: 'spikeray_dicom_associations_open',
  dicomBuffer: 'spikeray_dicom_buffer_bytes',
  dicomBufferLimit: 'spikeray_dicom_buffer_limit_bytes',
});

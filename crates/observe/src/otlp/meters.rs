//! The metrics of an execution that has ended, told at once.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};

use super::SERVICE;
use crate::metrics::Sample;
use crate::{Aggregation, Execution, Metric};

/// Sends every metric of an execution.
pub(super) fn tell(exporter: MetricExporter, resource: Resource, execution: &Execution) -> OTelSdkResult {
    let reader = PeriodicReader::builder(exporter).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build();
    let meter = provider.meter(SERVICE);
    for (metric, samples) in execution.samples() {
        for sample in samples {
            record(&meter, metric, sample, &attributes(execution, sample));
        }
    }
    provider.shutdown_with_timeout(crate::courier::BOUND)
}

/// The same as the labels of the file of metrics.
fn attributes(execution: &Execution, sample: Sample) -> Vec<KeyValue> {
    let mut attributes =
        vec![KeyValue::new("step", execution.step), KeyValue::new("table", execution.table.clone())];
    if let Some((service, operation)) = sample.call {
        attributes.extend([KeyValue::new("service", service), KeyValue::new("operation", operation)]);
    }
    attributes
}

fn record(meter: &Meter, metric: Metric, Sample { value, .. }: Sample, attributes: &[KeyValue]) {
    let Metric { name, unit, help, aggregation } = metric;
    match (aggregation, unit) {
        (Aggregation::Sum, unit) => {
            meter.u64_counter(name).with_unit(unit).with_description(help).build().add(value, attributes);
        }
        (Aggregation::Level, "s") => {
            let seconds = std::time::Duration::from_millis(value).as_secs_f64();
            meter.f64_gauge(name).with_unit(unit).with_description(help).build().record(seconds, attributes);
        }
        (Aggregation::Level, unit) => {
            meter.u64_gauge(name).with_unit(unit).with_description(help).build().record(value, attributes);
        }
    }
}

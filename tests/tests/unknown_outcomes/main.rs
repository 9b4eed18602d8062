//! Requests whose outcome their sender does not learn, or learns in part. Whole steps, which have to find out by reading
//! back; each test is one sentence of what S3 and Glue may do.

mod answers;
mod batches;
mod lake;
mod paging;
mod throttling;

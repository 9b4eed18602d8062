//! Multipart uploads with checksums over the whole object.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
};

use super::s3::put;
use super::setup::{Endpoint, crc64, refused_as, refused_with};

super::promises! { S3:
    parts_become_one_object_with_the_checksum_of_all_of_it,
    a_wrong_checksum_of_the_whole_is_refused,
    a_wrong_size_of_the_whole_is_refused,
    a_wrong_checksum_of_a_part_is_refused,
    a_part_that_is_too_small_is_refused,
    parts_out_of_order_are_refused,
    a_part_that_was_not_uploaded_is_refused,
    completing_over_what_exists_fails_when_it_must_not,
    one_of_two_concurrent_conditional_completions_wins,
    an_aborted_upload_is_gone,
    a_completed_upload_is_gone,
    uploads_are_listed_by_prefix_until_they_end,
    parts_are_listed_in_pages,
}

/// The smallest part that is not the last.
const PART: usize = 5 << 20;
const KEY: &str = "runs/data.parquet";

/// An upload with two parts on its way.
struct Started {
    s3: Client,
    bucket: String,
    id: String,
    bytes: Vec<u8>,
    parts: Vec<CompletedPart>,
}

impl Started {
    async fn new(endpoint: &Endpoint, sizes: &[usize]) -> Result<Self> {
        let (s3, bucket) = endpoint.s3_with_bucket().await?;
        Self::in_bucket(s3, bucket, sizes).await
    }

    async fn in_bucket(s3: Client, bucket: String, sizes: &[usize]) -> Result<Self> {
        let create = s3.create_multipart_upload().bucket(&bucket).key(KEY);
        let create = create.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
        let created = create.checksum_type(ChecksumType::FullObject).send().await?;
        let id = created.upload_id.context("there is no upload id")?;
        let mut started = Self { s3, bucket, id, bytes: Vec::new(), parts: Vec::new() };
        for (fill, size) in (b'a'..).zip(sizes) {
            started.add(vec![fill; *size]).await?;
        }
        Ok(started)
    }

    async fn add(&mut self, bytes: Vec<u8>) -> Result<()> {
        let number = i32::try_from(self.parts.len())? + 1;
        let upload = self.s3.upload_part().bucket(&self.bucket).key(KEY).upload_id(&self.id);
        let upload = upload.part_number(number).checksum_crc64_nvme(crc64(&bytes));
        let uploaded = upload.body(bytes.clone().into()).send().await?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(uploaded.e_tag);
        self.parts.push(part.set_checksum_crc64_nvme(uploaded.checksum_crc64_nvme).build());
        self.bytes.extend(bytes);
        Ok(())
    }

    fn complete(&self) -> CompleteMultipartUploadFluentBuilder {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let complete = self.s3.complete_multipart_upload().bucket(&self.bucket).key(KEY);
        complete.upload_id(&self.id).multipart_upload(parts).checksum_type(ChecksumType::FullObject)
    }

    async fn ensure_nothing_written(&self) -> Result<()> {
        refused_as(404, self.s3.head_object().bucket(&self.bucket).key(KEY).send().await)
    }
}

async fn parts_become_one_object_with_the_checksum_of_all_of_it(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[PART, 17]).await?;
    let checksum = crc64(&upload.bytes);
    let size = i64::try_from(upload.bytes.len())?;
    let complete = upload.complete().checksum_crc64_nvme(&checksum).mpu_object_size(size);
    let completed = complete.send().await?;
    ensure!(completed.e_tag().is_some_and(|etag| etag.ends_with("-2\"")), "{:?}", completed.e_tag());
    let head = upload.s3.head_object().bucket(&upload.bucket).key(KEY);
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await?;
    ensure!(head.checksum_crc64_nvme() == Some(checksum.as_str()), "{:?}", head.checksum_crc64_nvme());
    ensure!(head.checksum_type() == Some(&ChecksumType::FullObject), "{:?}", head.checksum_type());
    let got = upload.s3.get_object().bucket(&upload.bucket).key(KEY).send().await?;
    ensure!(got.body.collect().await?.to_vec() == upload.bytes, "the bytes differ");
    Ok(())
}

async fn a_wrong_checksum_of_the_whole_is_refused(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[PART, 17]).await?;
    let complete = upload.complete().checksum_crc64_nvme(crc64(b"something else"));
    refused_with("BadDigest", complete.send().await)?;
    upload.ensure_nothing_written().await
}

async fn a_wrong_size_of_the_whole_is_refused(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[PART, 17]).await?;
    refused_as(400, upload.complete().mpu_object_size(17).send().await)?;
    upload.ensure_nothing_written().await
}

async fn a_wrong_checksum_of_a_part_is_refused(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[]).await?;
    let part = upload.s3.upload_part().bucket(&upload.bucket).key(KEY).upload_id(&upload.id);
    let part = part.part_number(1).checksum_crc64_nvme(crc64(b"other")).body(b"these".to_vec().into());
    refused_with("BadDigest", part.send().await)
}

async fn a_part_that_is_too_small_is_refused(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[17, 17]).await?;
    refused_with("EntityTooSmall", upload.complete().send().await)?;
    upload.ensure_nothing_written().await
}

async fn parts_out_of_order_are_refused(endpoint: Endpoint) -> Result<()> {
    let mut upload = Started::new(&endpoint, &[PART, 17]).await?;
    upload.parts.reverse();
    refused_with("InvalidPartOrder", upload.complete().send().await)
}

async fn a_part_that_was_not_uploaded_is_refused(endpoint: Endpoint) -> Result<()> {
    let mut upload = Started::new(&endpoint, &[17]).await?;
    let etag = upload.parts[0].e_tag.clone();
    upload.parts = vec![CompletedPart::builder().part_number(9).set_e_tag(etag).build()];
    refused_with("InvalidPart", upload.complete().send().await)
}

async fn completing_over_what_exists_fails_when_it_must_not(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[17]).await?;
    put(&upload.s3, &upload.bucket, KEY, "in the way").await?;
    refused_with("PreconditionFailed", upload.complete().if_none_match("*").send().await)?;
    upload.s3.delete_object().bucket(&upload.bucket).key(KEY).send().await?;
    upload.complete().if_none_match("*").send().await.context("with nothing in the way")?;
    Ok(())
}

async fn one_of_two_concurrent_conditional_completions_wins(endpoint: Endpoint) -> Result<()> {
    let one = Started::new(&endpoint, &[17]).await?;
    let two = Started::in_bucket(one.s3.clone(), one.bucket.clone(), &[18]).await?;
    let (first, second) =
        futures::join!(one.complete().if_none_match("*").send(), two.complete().if_none_match("*").send(),);
    ensure!(first.is_ok() != second.is_ok(), "{first:?} and {second:?}");
    Ok(())
}

async fn an_aborted_upload_is_gone(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[17]).await?;
    let abort = upload.s3.abort_multipart_upload().bucket(&upload.bucket).key(KEY).upload_id(&upload.id);
    abort.send().await?;
    refused_with("NoSuchUpload", upload.complete().send().await)?;
    let part = upload.s3.upload_part().bucket(&upload.bucket).key(KEY).upload_id(&upload.id);
    refused_with("NoSuchUpload", part.part_number(1).body(b"x".to_vec().into()).send().await)
}

async fn a_completed_upload_is_gone(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[17]).await?;
    upload.complete().send().await?;
    let parts = upload.s3.list_parts().bucket(&upload.bucket).key(KEY).upload_id(&upload.id);
    refused_with("NoSuchUpload", parts.send().await)
}

async fn uploads_are_listed_by_prefix_until_they_end(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[17]).await?;
    let other = upload.s3.create_multipart_upload().bucket(&upload.bucket).key("elsewhere");
    other.send().await?;
    let list = || upload.s3.list_multipart_uploads().bucket(&upload.bucket).prefix("runs/").send();
    let listed = list().await?;
    let ids: Vec<_> = listed.uploads().iter().filter_map(|listed| listed.upload_id()).collect();
    ensure!(ids == [upload.id.as_str()], "{ids:?}");
    ensure!(listed.uploads()[0].initiated().is_some(), "the upload has no time");
    upload.complete().send().await?;
    ensure!(list().await?.uploads().is_empty());
    Ok(())
}

async fn parts_are_listed_in_pages(endpoint: Endpoint) -> Result<()> {
    let upload = Started::new(&endpoint, &[1, 2, 3]).await?;
    let list = || upload.s3.list_parts().bucket(&upload.bucket).key(KEY).upload_id(&upload.id).max_parts(2);
    let first = list().send().await?;
    ensure!(first.is_truncated() == Some(true) && first.parts().len() == 2, "{first:?}");
    let marker = first.next_part_number_marker().context("there is no marker")?;
    let rest = list().part_number_marker(marker).send().await?;
    let sizes: Vec<_> = rest.parts().iter().filter_map(aws_sdk_s3::types::Part::size).collect();
    ensure!(sizes == [3] && rest.is_truncated() != Some(true), "{rest:?}");
    Ok(())
}

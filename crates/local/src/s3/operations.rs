//! Which operations there are. What is not here answers `NotImplemented`.

use std::sync::Arc;

use s3s::dto as d;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::Backend;

/// The backend as `s3s` calls it.
pub(super) struct Operations(pub(super) Arc<Backend>);

/// Maps the operations: those that need more than their input by hand, the others by the trait's
/// method, its types, and the backend's method.
macro_rules! operations {
    ($($name:ident($input:ident) -> $output:ident = $method:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Operations {
            async fn put_object(
                &self,
                req: S3Request<d::PutObjectInput>,
            ) -> S3Result<S3Response<d::PutObjectOutput>> {
                self.0.put(req).await
            }

            async fn upload_part(
                &self,
                req: S3Request<d::UploadPartInput>,
            ) -> S3Result<S3Response<d::UploadPartOutput>> {
                self.0.upload_part(req).await
            }

            async fn copy_object(
                &self,
                req: S3Request<d::CopyObjectInput>,
            ) -> S3Result<S3Response<d::CopyObjectOutput>> {
                self.0.copy(&req)
            }

            $(async fn $name(&self, req: S3Request<d::$input>) -> S3Result<S3Response<d::$output>> {
                self.0.$method(req.input)
            })*
        }
    };
}

operations! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput = create_bucket;
    head_bucket(HeadBucketInput) -> HeadBucketOutput = head_bucket;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = delete_bucket;
    list_buckets(ListBucketsInput) -> ListBucketsOutput = list_buckets;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = bucket_location;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput = put_versioning;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput = get_versioning;
    put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput)
        -> PutBucketLifecycleConfigurationOutput = put_lifecycle;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput)
        -> GetBucketLifecycleConfigurationOutput = get_lifecycle;
    delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput = delete_lifecycle;
    get_object(GetObjectInput) -> GetObjectOutput = get;
    head_object(HeadObjectInput) -> HeadObjectOutput = head;
    get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput = attributes;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = delete;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = delete_many;
    list_objects(ListObjectsInput) -> ListObjectsOutput = list;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = list_v2;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput = list_versions;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput = create_upload;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput = complete_upload;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput = abort_upload;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput = list_uploads;
    list_parts(ListPartsInput) -> ListPartsOutput = list_parts;
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput = put_tags;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput = get_tags;
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput = delete_tags;
    put_object_legal_hold(PutObjectLegalHoldInput) -> PutObjectLegalHoldOutput = put_legal_hold;
    get_object_legal_hold(GetObjectLegalHoldInput) -> GetObjectLegalHoldOutput = get_legal_hold;
}

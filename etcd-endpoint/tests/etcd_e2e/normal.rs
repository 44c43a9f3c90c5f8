//! Answers without what is meant to differ.

use etcd_endpoint::proto::{
    etcdserverpb::{
        CompactionResponse, DeleteRangeResponse, LeaseGrantResponse, LeaseRevokeResponse,
        LeaseTimeToLiveResponse, PutResponse, RangeResponse, ResponseHeader, TxnResponse, WatchResponse,
        response_op::Response,
    },
    mvccpb::KeyValue,
};

/// Something whose parts that are meant to differ can be taken out.
pub(crate) trait Normal {
    fn normal(&mut self);
}

impl<T: Normal> Normal for Option<T> {
    fn normal(&mut self) {
        self.iter_mut().for_each(Normal::normal);
    }
}

impl<T: Normal> Normal for Vec<T> {
    fn normal(&mut self) {
        self.iter_mut().for_each(Normal::normal);
    }
}

impl Normal for ResponseHeader {
    fn normal(&mut self) {
        *self = Self { revision: self.revision, ..Self::default() };
    }
}

impl Normal for KeyValue {
    fn normal(&mut self) {
        self.version = self.version.min(2);
        self.lease = self.lease.min(1);
    }
}

impl Normal for RangeResponse {
    fn normal(&mut self) {
        self.header.normal();
        self.kvs.normal();
    }
}

impl Normal for PutResponse {
    fn normal(&mut self) {
        self.header.normal();
        self.prev_kv.normal();
    }
}

impl Normal for DeleteRangeResponse {
    fn normal(&mut self) {
        self.header.normal();
        self.prev_kvs.normal();
    }
}

impl Normal for TxnResponse {
    fn normal(&mut self) {
        self.header.normal();
        for answer in &mut self.responses {
            match &mut answer.response {
                Some(Response::ResponseRange(range)) => range.normal(),
                Some(Response::ResponsePut(put)) => put.normal(),
                Some(Response::ResponseDeleteRange(delete)) => delete.normal(),
                Some(Response::ResponseTxn(txn)) => txn.normal(),
                None => {}
            }
        }
    }
}

impl Normal for CompactionResponse {
    fn normal(&mut self) {
        self.header.normal();
    }
}

impl Normal for LeaseGrantResponse {
    fn normal(&mut self) {
        self.header.normal();
        self.id = self.id.min(1);
    }
}

impl Normal for LeaseRevokeResponse {
    fn normal(&mut self) {
        self.header.normal();
    }
}

impl Normal for LeaseTimeToLiveResponse {
    fn normal(&mut self) {
        self.header.normal();
        self.id = self.id.min(1);
        // The requests are not at the same moment.
        self.ttl = self.ttl.min(0);
        self.keys.sort();
    }
}

impl Normal for WatchResponse {
    fn normal(&mut self) {
        self.header.normal();
        for event in &mut self.events {
            event.kv.normal();
            event.prev_kv.normal();
            // The store does not keep which lease a key had.
            event.prev_kv.iter_mut().for_each(|kv| kv.lease = 0);
        }
    }
}

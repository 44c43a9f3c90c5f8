//! What the system says of the processes that are measured.

use std::fs;

/// CPU time of processes in milliseconds: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms.
pub fn cpu(processes: &[u32]) -> f64 {
    let of = |pid: &u32| {
        let stat = stat(*pid);
        stat[11] + stat[12]
    };
    processes.iter().map(of).sum::<f64>() * 10.0
}

/// Memory of processes in MB, by a field of /proc/PID/status: `VmRSS` as it is, `VmHWM` at its highest.
pub fn memory(processes: &[u32], field: &str) -> f64 {
    let of = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    processes.iter().map(of).sum()
}

/// Milliseconds since a process was started: field 22 of /proc/PID/stat beside the system's /proc/uptime, both to
/// 10 ms.
pub fn age(pid: u32) -> f64 {
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split_whitespace().next().unwrap().parse().unwrap();
    uptime * 1000.0 - stat(pid)[19] * 10.0
}

/// The numbers of /proc/PID/stat from field 3 on; what is no number is 0.
fn stat(pid: u32) -> Vec<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields.map(|field| field.parse().unwrap_or_default()).collect()
}

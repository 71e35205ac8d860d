//! The ASGI connection scope of one request (ASGI 3, HTTP connection scope, version 2.4).

use copilot_net::server::{ConnectionInfo, Local, Peer};
use http::{Version, request::Parts};
use percent_encoding::percent_decode;
use pyo3::{
    intern,
    prelude::*,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};

/// What all scopes of a server share.
pub(super) struct Shared {
    pub(super) asgi: Py<PyDict>,
    pub(super) extensions: Py<PyDict>,
    /// The lifespan's state, copied into each scope.
    pub(super) state: Option<Py<PyDict>>,
}

pub(super) fn build<'py>(
    py: Python<'py>,
    head: &Parts,
    connection: &ConnectionInfo,
    shared: &Shared,
) -> PyResult<Bound<'py, PyDict>> {
    let scope = PyDict::new(py);
    scope.set_item(intern!(py, "type"), intern!(py, "http"))?;
    scope.set_item(intern!(py, "asgi"), shared.asgi.bind(py).copy()?)?;
    scope.set_item(intern!(py, "http_version"), version(py, head.version))?;
    scope.set_item(intern!(py, "method"), method(py, head))?;
    let scheme = if connection.tls { intern!(py, "https") } else { intern!(py, "http") };
    scope.set_item(intern!(py, "scheme"), scheme)?;
    set_target(py, &scope, head)?;
    scope.set_item(intern!(py, "root_path"), intern!(py, ""))?;
    scope.set_item(intern!(py, "headers"), headers(py, head)?)?;
    match &connection.peer {
        Peer::Tcp(address) => {
            scope.set_item(intern!(py, "client"), (address.ip().to_string(), address.port()))?;
        }
        Peer::Unix { .. } => scope.set_item(intern!(py, "client"), py.None())?,
    }
    match &connection.local {
        Local::Tcp(address) => {
            scope.set_item(intern!(py, "server"), (address.ip().to_string(), address.port()))?;
        }
        Local::Unix(path) => {
            scope.set_item(intern!(py, "server"), (path.to_string_lossy(), py.None()))?;
        }
    }
    scope.set_item(intern!(py, "extensions"), shared.extensions.bind(py).copy()?)?;
    if let Some(state) = &shared.state {
        scope.set_item(intern!(py, "state"), state.bind(py).copy()?)?;
    }
    Ok(scope)
}

fn set_target(py: Python<'_>, scope: &Bound<'_, PyDict>, head: &Parts) -> PyResult<()> {
    let uri = &head.uri;
    // An absolute target names the host that Host names: the server has seen to that.
    let path = uri.path();
    let raw = PyBytes::new(py, path.as_bytes());
    if path.contains('%') {
        let decoded = percent_decode(path.as_bytes()).decode_utf8_lossy();
        scope.set_item(intern!(py, "path"), decoded)?;
    } else {
        scope.set_item(intern!(py, "path"), path)?;
    }
    scope.set_item(intern!(py, "raw_path"), raw)?;
    let query = uri.query().unwrap_or_default();
    scope.set_item(intern!(py, "query_string"), PyBytes::new(py, query.as_bytes()))
}

fn headers<'py>(py: Python<'py>, head: &Parts) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let pair =
        |name: &[u8], value: &[u8]| PyTuple::new(py, [PyBytes::new(py, name), PyBytes::new(py, value)]);
    for (name, value) in &head.headers {
        list.append(pair(name.as_str().as_bytes(), value.as_bytes())?)?;
    }
    Ok(list)
}

fn version(py: Python<'_>, version: Version) -> &Bound<'_, PyString> {
    match version {
        Version::HTTP_10 => intern!(py, "1.0"),
        Version::HTTP_2 => intern!(py, "2"),
        _ => intern!(py, "1.1"),
    }
}

fn method<'py>(py: Python<'py>, head: &Parts) -> Bound<'py, PyString> {
    match head.method.as_str() {
        "POST" => intern!(py, "POST").clone(),
        "GET" => intern!(py, "GET").clone(),
        other => PyString::new(py, &other.to_ascii_uppercase()),
    }
}

//! From a name to where it is defined and used, and to another name.

use std::collections::HashMap;

use async_lsp::lsp_types::{
    DocumentHighlight, DocumentHighlightKind, DocumentHighlightParams, GotoDefinitionParams,
    GotoDefinitionResponse, Location, Position, PrepareRenameResponse, ReferenceParams,
    RenameParams, TextDocumentPositionParams, TextEdit, WorkspaceEdit,
};
use async_lsp::{ErrorCode, ResponseError};

use super::documents::View;
use super::names::{Kind, Mention, Names};

/// The names of the document, and the one at a position.
fn at(view: &View, position: Position) -> Option<(Names, Mention)> {
    let text = &view.document.text;
    let byte = text.byte(position);
    let names = Names::of(&text.tree_around(byte));
    let mention = names.at(byte)?.clone();
    Some((names, mention))
}

pub(super) fn definition(
    view: &View,
    params: GotoDefinitionParams,
) -> Result<Option<GotoDefinitionResponse>, ResponseError> {
    let Some((names, mention)) = at(view, params.text_document_position_params.position) else {
        return Ok(None);
    };
    let bytes = match names.defined(mention.kind, &mention.name) {
        Some(definition) => Some(definition.bytes.clone()),
        None if mention.kind == Kind::Route => unnamed_route(view, &mention.name),
        None => None,
    };
    let text = &view.document.text;
    Ok(bytes.map(|bytes| {
        GotoDefinitionResponse::Scalar(Location::new(view.document.uri.clone(), text.range(bytes)))
    }))
}

/// A route whose name is made from its path.
fn unnamed_route(view: &View, name: &str) -> Option<std::ops::Range<usize>> {
    let findings = view.document.findings(&view.settings, &|| true)?;
    let (compiled, _) = findings.parts.first()?;
    let route = compiled
        .gateway
        .as_ref()?
        .routes
        .iter()
        .find(|route| route.name == name)?;
    let start = compiled.tree.span(route.at).start as usize;
    Some(start..start)
}

pub(super) fn references(
    view: &View,
    params: ReferenceParams,
) -> Result<Option<Vec<Location>>, ResponseError> {
    let Some((names, mention)) = at(view, params.text_document_position.position) else {
        return Ok(None);
    };
    let places = names
        .places(&mention)
        .filter(|it| params.context.include_declaration || !it.defines);
    let text = &view.document.text;
    let locations =
        places.map(|it| Location::new(view.document.uri.clone(), text.range(it.bytes.clone())));
    Ok(Some(locations.collect()))
}

pub(super) fn highlight(
    view: &View,
    params: DocumentHighlightParams,
) -> Result<Option<Vec<DocumentHighlight>>, ResponseError> {
    let Some((names, mention)) = at(view, params.text_document_position_params.position) else {
        return Ok(None);
    };
    let text = &view.document.text;
    let places = names.places(&mention).map(|it| DocumentHighlight {
        range: text.range(it.bytes.clone()),
        kind: Some(if it.defines {
            DocumentHighlightKind::WRITE
        } else {
            DocumentHighlightKind::READ
        }),
    });
    Ok(Some(places.collect()))
}

pub(super) fn prepare_rename(
    view: &View,
    params: TextDocumentPositionParams,
) -> Result<Option<PrepareRenameResponse>, ResponseError> {
    Ok(
        at(view, params.position).map(|(_, mention)| PrepareRenameResponse::RangeWithPlaceholder {
            range: view.document.text.range(mention.bytes),
            placeholder: mention.name,
        }),
    )
}

/// Renames a thing where it is defined and everywhere it is named, or says why not.
pub(super) fn rename(
    view: &View,
    params: RenameParams,
) -> Result<Option<WorkspaceEdit>, ResponseError> {
    let refused = |why: String| ResponseError::new(ErrorCode::REQUEST_FAILED, why);
    let Some((names, mention)) = at(view, params.text_document_position.position) else {
        return Err(refused("no name of the spec stands here".to_owned()));
    };
    if params.new_name == mention.name {
        return Ok(None);
    }
    if let Some(why) = names.refuses(&mention, &params.new_name) {
        return Err(refused(why));
    }
    let text = &view.document.text;
    let edits = names
        .places(&mention)
        .map(|it| TextEdit::new(text.range(it.bytes.clone()), params.new_name.clone()));
    let changes = HashMap::from([(view.document.uri.clone(), edits.collect())]);
    Ok(Some(WorkspaceEdit::new(changes)))
}

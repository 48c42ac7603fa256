//! Forms that somebody fills in.

use serde_json::Value;
use weir_base::{Permission, Principal};
use weir_core::user_schema::UserSchema;

use super::{Error, Fired, FormAccess, FormConfig, Mistake, Respond, Trigger, TriggerConfig, Triggers, acting};
use crate::Execute;

/// A form, as whoever fills it in sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// What stands above it.
    pub title: String,
    /// What it is for.
    pub description: Option<String>,
    /// The fields, as a JSON Schema of an object.
    pub schema: Value,
}

impl Triggers {
    /// The form at this address.
    ///
    /// # Errors
    /// [`Error::NoAddress`]; [`Error::MembersOnly`].
    pub async fn form(&self, path: &str, who: Option<&Principal>) -> Result<Form, Error> {
        let (_, form) = self.form_at(path, who).await?;
        Ok(Form { title: form.title, description: form.description, schema: form.schema })
    }

    /// Starts the workflow of the form at this address with what was filled in. The same `request_id` starts one
    /// execution.
    ///
    /// # Errors
    /// As [`form`](Self::form); [`Error::Answers`] with everything that does not fit; [`Error::Workflow`].
    pub async fn submit(
        &self,
        path: &str,
        who: Option<&Principal>,
        answers: Value,
        request_id: Option<&str>,
    ) -> Result<Fired, Error> {
        let (trigger, form) = self.form_at(path, who).await?;
        // The schema was compiled when the trigger was checked.
        let schema = UserSchema::compile(&form.schema).map_err(|_| Error::NoAddress(path.to_owned()))?;
        let misfits: Vec<Mistake> =
            schema.errors(&answers).into_iter().map(|error| Mistake::new(&error.pointer, error.message)).collect();
        if !misfits.is_empty() {
            return Err(Error::Answers(misfits));
        }
        let execute = Execute {
            idempotency_key: request_id.map(|id| format!("trigger:{}:{id}", trigger.id)),
            trigger: "form".to_owned(),
            ..Execute::new(answers)
        };
        let who = who.filter(|who| who.workspace == trigger.workspace).cloned().unwrap_or_else(|| acting(&trigger));
        let started = self.0.workflows.execute(&who, trigger.workflow, execute).await?;
        self.note_start(trigger.id).await;
        Ok(Fired { started, trigger: trigger.id, workspace: trigger.workspace, respond: Respond::Immediately })
    }

    async fn form_at(&self, path: &str, who: Option<&Principal>) -> Result<(Trigger, FormConfig), Error> {
        let none = || Error::NoAddress(path.to_owned());
        let trigger = self.0.store.at("form", path).await?.filter(|trigger| trigger.enabled).ok_or_else(none)?;
        let TriggerConfig::Form(form) = trigger.config.clone() else { return Err(none()) };
        match (form.access, who) {
            (FormAccess::Public, _) => Ok((trigger, form)),
            (FormAccess::Members, None) => Err(Error::MembersOnly),
            (FormAccess::Members, Some(who))
                if who.workspace == trigger.workspace && who.may(Permission::ExecutionRun) =>
            {
                Ok((trigger, form))
            }
            (FormAccess::Members, Some(_)) => Err(none()),
        }
    }
}
